"""Requests that nobody honest sends, by the thousand (`make hostile`): no error of ours, no script stored, nothing
changed by reading. All comes from one seed."""
