"""Making one namespace of a cluster as it should be: no Django, no Celery, no Kubernetes library.

`spec` says what should be, `manifests` what that is in Kubernetes, `diff` what differs from what is there, `reconcile`
does it and proves it.
"""
