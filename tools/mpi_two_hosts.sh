#!/usr/bin/env bash
# Trains on two "machines" of this one, that are called imago-a and imago-b: namespaces of the network with a cable and ssh
# between them. Checks that both leave the bytes of one process, that a job whose cable is cut ends with a line that says which
# rank is gone, and that the run goes on when the cable is back.
#
#   tools/mpi_two_hosts.sh             as root, on Linux, with iproute2, openssh-server, and Open MPI or MPICH
#   tools/mpi_two_hosts.sh mpich       with one of them only
#
# All that it changes of the system is in namespaces of its own, which end with it.
set -euo pipefail

if [[ ${IMAGO_TWO_HOSTS:-} != inside ]]; then
  IMAGO_TWO_HOSTS=inside exec unshare --mount --pid --fork --mount-proc --kill-child "$0" "$@"
fi

root=$(cd "$(dirname "$0")/.." && pwd)
node=$root/node_modules/node/bin/node
timeout=5
launchers=("$@")
if (($# == 0)); then launchers=(openmpi mpich); fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "== $*"; }
fail() {
  echo "mpi_two_hosts: $*" >&2
  exit 1
}

# Two hosts, each with its name, address and ssh server.
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
printf '127.0.0.1 localhost\n10.77.0.1 imago-a\n10.77.0.2 imago-b\n' > "$work/hosts"
mount --bind "$work/hosts" /etc/hosts
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
cat > "$work/sshd_config" << END
HostKey $work/host_key
AuthorizedKeysFile $work/key.pub
PermitRootLogin yes
StrictModes no
UsePAM no
END
# What mpirun calls to reach another host.
cat > "$work/ssh" << END
#!/bin/sh
exec ssh -F none -i $work/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "\$@"
END
chmod +x "$work/ssh"
on() { # HOST COMMAND...
  local host=$1
  shift
  # shellcheck disable=SC2016
  ip netns exec "$host" unshare --uts sh -c 'hostname "$0" && exec "$@"' "$host" "$@"
}
for host in imago-a imago-b; do
  ip netns add $host
  ip -n $host link set lo up
done
ip link add name cable-a netns imago-a type veth peer name cable-b netns imago-b
ip -n imago-a address add 10.77.0.1/24 dev cable-a
ip -n imago-b address add 10.77.0.2/24 dev cable-b
cable() { for end in a b; do ip -n imago-$end link set cable-$end "$1"; done; }
cable up
for host in imago-a imago-b; do on $host /usr/sbin/sshd -D -f "$work/sshd_config" & done
for _ in {1..50}; do
  if on imago-a "$work/ssh" imago-b true 2> /dev/null; then break; fi
  sleep 0.1
done
[[ $(on imago-a "$work/ssh" imago-b hostname) == imago-b ]] || fail "ssh does not reach imago-b"

# A tiny model.
cat > "$work/tiny.json" << END
{ "_class_name": "UNet2DModel", "sample_size": 8, "block_out_channels": [4, 8], "layers_per_block": 1,
  "norm_num_groups": 4, "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
  "up_block_types": ["AttnUpBlock2D", "UpBlock2D"] }
END
train=("$node" "$root/test/distributed/ranks/imago.ts" train --model "$work/tiny.json" --preset quick32 --size 8)
train+=(--batch-size 8 --microbatch 2 --steps 200 --checkpoint-every 20 --keep-checkpoints 10 --sample-every 0 --eval-every 0)

# Open MPI's mpirun itself must notice that a host is gone, before it is told to end the job: it would wait for that host.
openmpi() {
  OMPI_MCA_oob_tcp_keepalive_time=1 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=2 \
    on imago-a mpirun.openmpi --allow-run-as-root --host imago-a,imago-b --mca plm_rsh_agent "$work/ssh" \
    -x IMAGO_MPI_TIMEOUT=$timeout -n 2 "$@"
}
# UCX, through which MPICH sends, would see that this is one machine, and use its memory.
mpich() {
  on imago-a mpirun.mpich -hosts imago-a,imago-b -launcher ssh -launcher-exec "$work/ssh" \
    -genv IMAGO_MPI_TIMEOUT $timeout \
    -genv UCX_TLS tcp,self -n 2 "$@"
}
same() { # RUN: those of its files that do not tell the time or the number of processes
  diff -rq -x metrics.jsonl -x config.json -x .lock "$work/one" "$1" || fail "$1 differs from the run of one process"
}
ranksOf() { # HOST: its processes of imago
  ip netns pids "$1" | while read -r id; do
    if tr '\0' ' ' < "/proc/$id/cmdline" 2> /dev/null | grep -q "ranks/imago.ts train"; then echo "$id"; fi
  done
}

say "one process"
"${train[@]}" --out "$work/one" > "$work/log" 2>&1 || { cat "$work/log"; fail "it failed"; }

for launcher in "${launchers[@]}"; do
  if ! command -v "mpirun.$launcher" > /dev/null; then
    say "$launcher is not here"
    continue
  fi
  say "$launcher: two hosts"
  $launcher "${train[@]}" --out "$work/$launcher" > "$work/log" 2>&1 || { cat "$work/log"; fail "it failed"; }
  same "$work/$launcher"

  say "$launcher: the cable is cut"
  cut=$work/$launcher-cut
  $launcher "${train[@]}" --out "$cut" > "$work/log" 2>&1 &
  job=$!
  until [[ -e $cut/checkpoints/step-000020 ]]; do
    kill -0 $job 2> /dev/null || { cat "$work/log"; fail "it ended before"; }
    sleep 0.02
  done
  cable down
  begun=$SECONDS
  code=0
  wait $job || code=$?
  took=$((SECONDS - begun))
  grep -o 'imago: .*' "$work/log" || true
  say "$launcher: it ended after $took s with code $code"
  grep -qE "imago: rank 1 on host imago-b shows no sign of life for $timeout s|Remote daemon: .* on node imago-b" "$work/log" ||
    { cat "$work/log"; fail "no line says which rank is gone"; }
  ((code != 0)) || fail "the exit code is 0"
  ((took <= timeout + 15)) || fail "it took $took s"
  for _ in {1..100}; do
    left=$(ranksOf imago-a; ranksOf imago-b)
    [[ -n $left ]] || break
    sleep 0.2
  done
  [[ -z $left ]] || fail "processes are left: $left"

  say "$launcher: the cable is back"
  cable up
  $launcher "${train[@]}" --out "$cut" --resume > "$work/log" 2>&1 || { cat "$work/log"; fail "it failed"; }
  grep 'going on after step' "$work/log" || fail "it did not go on"
  same "$cut"
done
