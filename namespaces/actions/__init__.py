"""What can be done with namespaces: one module per noun, each function one act with its rule, its audit event and its
wish for reconciliation, in one transaction. Keyword-only; who acts is `by`. Refusals are `accounts.errors.Refusal`."""
