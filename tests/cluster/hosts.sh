#!/usr/bin/env bash
# Machines for a cluster out of namespaces: each has a network address, processes, a host name, /root, /tmp and /dev/shm
# of its own, and sshd as its first process. They see this machine's other files, and write to the environment of VENV in
# an overlay of their own. A bridge joins them; whoever calls this is the laptop, at $NET.1.
#
#   hosts.sh up LAB VENV    make head, w1 and w2; LAB is an empty folder with an ssh key `key` and its `key.pub`
#   hosts.sh boot LAB HOST  start a host that was killed: its disk is as it was
#   hosts.sh kill LAB HOST  as if its power failed
#   hosts.sh cut LAB HOST   pull its network cable, hosts.sh join puts it back
#   hosts.sh down LAB       remove everything but LAB
#
# LAB/bashrc, if it is there, becomes the beginning of every host's ~/.bashrc. Needs root, and the tools of TOOLS.
set -euo pipefail
NET=10.77.0 ADDRESSES="head:10 w1:11 w2:12" TOOLS="ip nsenter unshare sshd ssh ssh-keygen rsync setsid mount make"
PATH=$PATH:/usr/sbin:/sbin

main() {
    local command=$1
    LAB=$(readlink -f "$2")
    ID=gl$(cksum <<<"$LAB" | cut -c1-6) # interfaces have short names
    case $command in
        up) up "$3" ;;
        boot) boot "$3" ;;
        kill) kill -KILL "$(cat "$LAB/hosts/$3/pid")" ;;
        cut) ip link set "$ID-$3" down ;;
        join) ip link set "$ID-$3" up ;;
        down) down ;;
    esac
}

up() {
    for tool in $TOOLS; do command -v "$tool" >/dev/null || { echo "missing: $tool" >&2; exit 2; }; done
    write_files "$(readlink -f "$1")"
    ip link add "$ID" type bridge
    ip addr add "$NET.1/24" dev "$ID"
    ip link set "$ID" up
    for host in $ADDRESSES; do
        name=${host%:*}
        mkdir -p "$LAB/hosts/$name"/{root,tmp,upper,work}
        cat "$LAB/bashrc" /etc/skel/.bashrc >"$LAB/hosts/$name/root/.bashrc" 2>/dev/null || true
        cp /etc/skel/.profile "$LAB/hosts/$name/root/"
        ip netns add "$ID-$name"
        ip link add "$ID-$name" type veth peer name eth0 netns "$ID-$name"
        ip link set "$ID-$name" master "$ID" up
        ip -n "$ID-$name" addr add "$NET.${host#*:}/24" dev eth0
        ip -n "$ID-$name" link set lo up
        ip -n "$ID-$name" link set eth0 up
        boot "$name"
    done
}

boot() {
    setsid nsenter --net="/run/netns/$ID-$1" unshare --mount --uts --ipc --pid --fork --kill-child=KILL \
        --propagation private bash "$LAB/init.sh" "$1" >"$LAB/hosts/$1/log" 2>&1 </dev/null &
    echo $! >"$LAB/hosts/$1/pid"
}

down() {
    for host in $ADDRESSES; do
        kill -KILL "$(cat "$LAB/hosts/${host%:*}/pid")" 2>/dev/null || true
    done
    sleep 1
    for host in $ADDRESSES; do ip netns del "$ID-${host%:*}" 2>/dev/null || true; done
    ip link del "$ID" 2>/dev/null || true
}

write_files() {
    local venv=$1 base
    base=$("$venv/bin/python" -c 'import sys; print(sys.base_prefix)')
    ssh-keygen -q -t ed25519 -N '' -f "$LAB/hostkey"
    cat >"$LAB/sshd_config" <<END
HostKey $LAB/hostkey
AuthorizedKeysFile $LAB/key.pub
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 100
MaxSessions 100
END
    { echo 127.0.0.1 localhost; for host in $ADDRESSES; do echo "$NET.${host#*:} ${host%:*}"; done; } >"$LAB/etchosts"
    # what a host's first process does before it becomes sshd; $d is its disk
    cat >"$LAB/init.sh" <<END
set -e
d=$LAB/hosts/\$1
hostname "\$1"
mount -t proc proc /proc
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount --bind $LAB/etchosts /etc/hosts
mkdir -p /run/sshd \$d/root/gear-search/.venv
chmod 1777 \$d/tmp
mount -t overlay overlay -o lowerdir=$venv,upperdir=\$d/upper,workdir=\$d/work $venv
[ -e \$d/booted ] || rm -f $venv/.built # make env has work to do
touch \$d/booted
for path in $base $venv $LAB/sshd_config $LAB/hostkey $LAB/key.pub $LAB/shared; do
    case \$path in /tmp/*|/root/*)
        if [ -d "\$path" ]; then mkdir -p "\$d\$path"; else mkdir -p "\$d\${path%/*}"; : >>"\$d\$path"; fi
        mount --bind "\$path" "\$d\$path" ;;
    esac
done
mount --bind $venv \$d/root/gear-search/.venv
mount --rbind \$d/root /root
mount --rbind \$d/tmp /tmp
cd /
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -e -f $LAB/sshd_config
END
}

main "$@"
