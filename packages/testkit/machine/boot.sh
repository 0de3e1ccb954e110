#!/bin/sh
# boot.sh CGROUP ROOT LOCAL: becomes systemd, PID 1 of a machine with /usr of this one, LOCAL as its /usr/local, an /etc with
# no unit enabled, a network with `lo` only, and all else empty. For `unshare`, in new namespaces of every kind but the
# user's; see systemd-machine.ts. Nothing of it outlives the namespaces but the control groups named CGROUP.
set -eu
cgroup=$1 root=$2 local=$3

if [ "${4:-}" != inside ]; then
  grep ' /sys/fs/cgroup[^ ]* cgroup2\? ' /proc/mounts | while read -r _ at _; do
    mkdir "$at/$cgroup"
    # A cpuset takes no process before it has processors: this machine does without.
    echo $$ > "$at/$cgroup/cgroup.procs" 2> /dev/null || rmdir "$at/$cgroup"
  done
  exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child --propagation private "$0" "$@" inside
fi

mount -t tmpfs -o mode=755 root "$root"
cd "$root"
mkdir -p etc/systemd/system usr var/lib var/log var/tmp tmp run proc sys dev root srv
chmod 1777 tmp var/tmp
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$folder"; done
ln -s /run var/run
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind "$local" usr/local
for name in passwd group shadow nsswitch.conf login.defs pam.d security ssl ca-certificates alternatives ld.so.cache \
  ld.so.conf ld.so.conf.d; do
  cp -a "/etc/$name" etc/ 2> /dev/null || :
done
echo machine > etc/hostname
echo '127.0.0.1 localhost machine' > etc/hosts
# Not its first boot: that would enable what Debian's packages enable.
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id

mount -t proc proc proc
mount -t sysfs sysfs sys
grep ' /sys/fs/cgroup[^ ]* \(tmpfs\|cgroup2\?\) ' /proc/mounts | while read -r _ at type options _; do
  mkdir -p ".$at"
  # Mounted anew: so the control groups of this namespace are what is seen, and no others.
  mount -t "$type" -o "$options" "$type" ".$at"
done
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in null zero full random urandom tty; do
  : > "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mount -t tmpfs -o mode=755 run run

mkdir old
pivot_root . old
umount -l /old
rmdir /old
# As systemd has it where it is not in a container: credentials of units come by it.
mount --make-rshared /
ip link set lo up
hostname machine
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin /lib/systemd/systemd
