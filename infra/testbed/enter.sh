#!/bin/sh
# First steps inside a site's namespaces: enter.sh FOLDER COMMAND…
# Everything that Kubernetes writes to fixed places of the file system (/run, /var/lib/kubelet, /var/log/pods) stays in memory
# that ends with the site; the site's own folder shows through, wherever it lies.
set -e
folder="$1"
shift
exec 9<"$folder"
mount -t tmpfs tmpfs /run
mkdir -p /run/.var/new /run/.var/work /run/netns /run/lock
mount -t overlay overlay -o lowerdir=/var,upperdir=/run/.var/new,workdir=/run/.var/work /var
mkdir -p "$folder"
mount --bind /proc/self/fd/9 "$folder"
exec 9<&-
# the kubelet's folder holds sockets: it needs a short name, and the disk for what pods write
mkdir -p "$folder/kubelet" /run/kubelet
mount --bind "$folder/kubelet" /run/kubelet
ip link set lo up
# a closed connection whose far end has gone would hold the network for minutes after everything else has ended
sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 net.ipv4.tcp_orphan_retries=1
exec "$@"
