#!/bin/bash
# What runs on a node of the test cluster, as process 1 of its PID namespace: containerd and kubelet, started again when
# they end, on file systems of its own. Nothing of the machine is changed, and all ends with this process.
#   node.sh DIRECTORY PROGRAMS KUBELET_FLAG...
set -euo pipefail
directory=$1 programs=$2
shift 2

mkdir -p "$directory"/{etc,etc-work,lib,log,sysctl}
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$directory/etc,workdir=$directory/etc-work" /etc
mount --bind "$directory/lib" /var/lib
mount --bind "$directory/log" /var/log
mount -t tmpfs run /run
# kubelet sets these, which are the whole machine's.
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  own=$directory/sysctl/${name//\//.}
  cp --no-preserve=all "/proc/sys/$name" "$own"
  mount --bind "$own" "/proc/sys/$name"
done

# keep NAME COMMAND...: as systemd does with Restart=always
keep() {
  local name=$1
  shift
  while :; do
    "$@" >> "$directory/$name.log" 2>&1 &
    echo $! > "/run/$name.pid"
    wait $! || :
    sleep 0.2
  done
}
keep containerd containerd &
until ctr version > /dev/null 2>&1; do sleep 0.1; done
keep kubelet "$programs/kubelet" "$@" &
while :; do wait -n || :; done
