# The part `idle`: the cost of mounts on which nothing happens. Loaded by run.
# shellcheck shell=bash disable=SC2154

: "${IDLE_SECONDS:=60}" "${IDLE_LOCKS:=10000}"

measure_idle() {
  local before=() commands name
  mount_lockfs memory memory:
  mount_lockfs tcp "$redis_tcp"
  for name in memory tcp; do
    mkdir "$work/$name/idle"
    "$programs/fill" "$work/$name/idle" "$IDLE_LOCKS" >/dev/null
  done
  sleep 2
  before=("$(wakeups memory)" "$(wakeups tcp)")
  commands=$(redis_commands)
  sleep "$IDLE_SECONDS"
  commands=$(($(redis_commands) - commands))
  remember idle_memory "$(calc "($(wakeups memory) - ${before[0]}) / $IDLE_SECONDS" %.3f)"
  remember idle_tcp "$(calc "($(wakeups tcp) - ${before[1]}) / $IDLE_SECONDS" %.3f)"
  remember idle_commands "$(calc "$commands / $IDLE_SECONDS" %.3f)"
  title "idle with $IDLE_LOCKS locks held, in $IDLE_SECONDS s: a second"
  line 'wake-ups, memory' "$(figure idle_memory)"  ''
  line 'wake-ups, Redis' "$(figure idle_tcp)" ''
  line 'commands that Redis saw' "$(figure idle_commands)" ''
  unmount_lockfs memory
  unmount_lockfs tcp
  redis FLUSHALL >/dev/null
}
