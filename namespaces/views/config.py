"""The kubeconfig: instructions for the reader's machine, and the file."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_safe

from accounts.errors import Refusal
from accounts.guards import KnownRequest, login_needed
from namespaces import kit
from namespaces.actions import config as actions
from namespaces.views import parameters
from namespaces.views.answers import page

_COMMANDS = {
    "install_linux": "unzip kubelogin_linux_amd64.zip kubelogin\n"
    "sudo install -m 755 kubelogin /usr/local/bin/kubectl-oidc_login",
    "install_macos": "brew install kubectl kubelogin",
    "install_windows": "choco install kubernetes-cli kubelogin",
    "place_unix": "mkdir -p ~/.kube\ninstall -m 600 ~/Downloads/config ~/.kube/config",
    "place_windows": "New-Item -ItemType Directory -Force $HOME\\.kube\n"
    "Copy-Item $HOME\\Downloads\\config $HOME\\.kube\\config",
    "forward": "ssh -L 8000:localhost:8000 you@remote-machine",
    "option": "--skip-open-browser",
    "first": "kubectl auth whoami",
    "pods": "kubectl get pods",
    "choose": "kubectl config get-contexts\nkubectl config use-context NAME",
}
_PARAMETERS = {"login": parameters.one_of(("browser", "no-browser"))}


@login_needed
@require_safe
def config(request: KnownRequest) -> HttpResponse:
    """Say what the file is for and how to use it."""
    return _instructions(request)


@login_needed
@require_GET
def download(request: KnownRequest) -> HttpResponse:
    """Hand out the file, always the reader's own and always under the same name.

    Not to HEAD: that would be recorded as a download.
    """
    login = parameters.read(request.GET, _PARAMETERS).get("login", "browser")
    try:
        file = actions.download(login=login, by=request.user)
    except Refusal as refusal:
        return _instructions(request, refusal=refusal)
    return HttpResponse(
        file,
        content_type="application/yaml",
        headers={
            "Content-Disposition": 'attachment; filename="config"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _instructions(request: KnownRequest, *, refusal: Refusal | None = None) -> HttpResponse:
    parts = kit.of(request.user)
    namespaces = [name for part in parts for name in part.namespaces]
    context = {"parts": parts, "namespaces": namespaces, "commands": _COMMANDS}
    return page(request, "namespaces/config.html", context, refusal=refusal)
