#!/bin/bash
# Installs what the end-to-end tests run beside our programs, on Debian 12 (about a minute, root).
#   scripts/install-test-deps.sh          installs what is missing
#   scripts/install-test-deps.sh --list   prints what is missing, installs nothing
set -euo pipefail

packages=(
  docker.io containerd runc podman skopeo docker-registry  # the engines and the registry
  docker-compose systemd                                   # docker-compose.yml, deploy/systemd
  containernetworking-plugins iptables                     # networks of containers
  iproute2 util-linux                                      # hosts as network namespaces
  busybox-static                                           # the content of the images
  nginx-light                                              # a web server in front of a registry and its storage
  apache2-utils openssl                                    # passwords, certificates
  zsh                                                      # completion
  ca-certificates curl iperf3 procps
)

# Any kubectl renders deploy/kubernetes.
command -v kubectl > /dev/null || packages+=(kubernetes-client)

missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
done

if [ "${1:-}" = --list ]; then
  [ ${#missing[@]} -eq 0 ] || printf '%s\n' "${missing[@]}"
  exit 0
fi
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "As root, please: $0   (missing: ${missing[*]})" >&2
  exit 1
fi

# The tests start engines of their own, on their own sockets: installing must not start the machine's.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" < /dev/null
