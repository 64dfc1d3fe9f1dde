#!/bin/sh
# Makes the secrets of docker-compose.yml in deploy/secrets; what is there already stays. The secret of the OIDC client is
# not made here but given by the identity provider: write it into deploy/secrets/oidc-client-secret.
set -eu

cd "$(dirname "$0")"
mkdir -p secrets
# Nobody else on this host enters; the containers, which run as another user, get the files one by one.
chmod 700 secrets
cd secrets

random() {
    head -c 48 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

make() {
    if [ ! -e "$1" ]; then
        printf '%s\n' "$2" >"$1"
        chmod 444 "$1"
        echo "made deploy/secrets/$1"
    fi
}

make secret-key "$(random)"
make postgres-password "$(random)"
make database-url "postgresql://berth:$(cat postgres-password)@postgres:5432/berth"
if [ ! -e redis-config ] || [ ! -e broker-url ]; then
    password=$(random)
    rm -f redis-config broker-url
    make redis-config "requirepass $password
appendonly yes
maxmemory-policy noeviction"
    make broker-url "redis://:$password@redis:6379/0"
fi
if [ ! -s oidc-client-secret ]; then
    echo "still needed: deploy/secrets/oidc-client-secret, with what the identity provider gave you"
fi
