"""A real Kubernetes control plane on this machine, for the demonstration, the tests and the benchmarks.

etcd, kube-apiserver and kube-controller-manager on loopback, an OpenID Connect provider with the
demonstration people, a stand-in for the login plugin of kubectl. No Django here, nothing of it goes
into the image.
"""
