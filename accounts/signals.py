"""The one signal of Berth: what a person may do has changed (level, suspension, identities).

Sent inside the transaction of the change, with the person as sender's argument. Accounts knows nothing of namespaces;
namespaces listens, asks for reconciliation of every namespace concerned, and may refuse by raising an error.
"""

from django.dispatch import Signal

person_changed = Signal()
