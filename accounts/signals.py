"""What accounts tell others, who know more: accounts know nothing of namespaces.

All are sent inside the transaction of the change, and a listener may refuse it by raising an error.
"""

from django.dispatch import Signal

person_changed = Signal()
"""What a person may do has changed (level, suspension, identities). Arguments: person, by, and
`counts_as_before` where it takes no level away and keeps nobody out: then no namespace loses an admin by it. Namespaces
ask for reconciliation of every namespace concerned."""

name_changed = Signal()
"""What others read of a person has changed: the name, the institution, or who reads the name. Argument: person."""

identity_changed = Signal()
"""Somebody linked an identity, or retired one, which its state says. Argument: identity."""

accounts_merged = Signal()
"""An account takes over everything of another. Arguments: kept, emptied, by."""

account_in_use = Signal()
"""Whether anything was ever decided about an account, or asked by it. Argument: person; listeners answer True."""

person_leaves = Signal()
"""An account is being deleted: whatever the person has or waits for ends. Arguments: person, by."""
