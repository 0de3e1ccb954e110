#!/bin/bash
# Builds a Kubernetes for test/kubernetes into a folder, from the Go module proxy; what is there already is not built again.
#   test/kubernetes/build.sh DIRECTORY     needs Go >= 1.24 and gcc; some ten minutes on two cores, 3 GB of Go's caches
set -euo pipefail
kubernetes=1.34.4
coredns=1.13.2
etcd=3.6.4

mkdir -p "$1/kubernetes" "$1/coredns" "$1/bin"
cd "$1"
# Two at once would spoil each other's work.
exec 9> lock
flock 9
export GOFLAGS=-mod=mod GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0

# build MODULE PACKAGE PROGRAM [LINKER_FLAGS]
build() {
  [ -x "bin/$3" ] && return
  echo "building $3"
  (cd "$1" && nice go build -p 2 -trimpath -ldflags "-s -w ${4:-}" -o "../bin/$3.new" "$2")
  mv "bin/$3.new" "bin/$3"
}

if [ ! -e kubernetes/go.mod ]; then
  source=$(cd kubernetes && go mod download -json "k8s.io/kubernetes@v$kubernetes" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
  {
    printf 'module kubernetes\n\ngo 1.24.0\n\ngodebug default=go1.24\n\nrequire (\n\tk8s.io/kubernetes v%s\n\tgo.etcd.io/etcd/server/v3 v%s\n)\n\nreplace (\n' "$kubernetes" "$etcd"
    # Its own parts are folders of its repository; each is published as v0.x too.
    sed -n "s|^\t\(k8s.io/[a-z-]*\) => ./staging/.*|\t\1 => \1 v${kubernetes/1./0.}|p" "$source/go.mod"
    echo ')'
  } > kubernetes/go.mod.new
  mv kubernetes/go.mod.new kubernetes/go.mod
fi
version=k8s.io/component-base/version
flags="-X $version.gitVersion=v$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=34"
for program in kubelet kube-apiserver kube-controller-manager kube-scheduler kubectl; do
  build kubernetes "k8s.io/kubernetes/cmd/$program" "$program" "$flags"
done
build kubernetes go.etcd.io/etcd/server/v3 etcd

# With the plugins that a cluster's Corefile has, and no cloud's.
if [ ! -e coredns/main.go ]; then
  printf 'module coredns\n\ngo 1.24.0\n\nrequire github.com/coredns/coredns v%s\n' "$coredns" > coredns/go.mod
  cat > coredns/main.go << 'END'
package main

import (
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"

	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
END
fi
build coredns . coredns

if [ ! -x bin/pause ]; then
  source=$(cd kubernetes && go list -m -f '{{.Dir}}' k8s.io/kubernetes)
  gcc -Os -static -o bin/pause.new "$source/build/pause/linux/pause.c"
  mv bin/pause.new bin/pause
fi
