# The part `listing`: the cost of a cycle while another process lists a large directory, and whether a
# bound lock with a short lease survives that. Loaded by run.
# shellcheck shell=bash disable=SC2154

: "${LISTED:=100000}"

# listing_row NAME FILE COMMAND...: the cycle of FILE beside a command
listing_row() {
  local fields
  read -ra fields < <("$programs/beside" "${@:2}")
  row "$1" "$(calc "${fields[1]} / 1000" %.2f)" "$(calc "${fields[2]} / 1000" %.2f)" \
    "$(calc "${fields[3]} / 1000" %.2f)" "${fields[4]}"
}

# listing_rows LISTING BESIDE WORDS: names of mounts
listing_rows() {
  local token
  exec 9<>"$work/$2/.with/ttl=500ms/bound"
  flock 9
  token=$(getfattr --absolute-names --only-values -n user.lock.token "$work/$2/bound")
  listing_row "$3, alone" "$work/$2/cycle" sleep 2
  listing_row "$3, beside ls" "$work/$2/cycle" ls -f "$work/$1/many"
  [ "$(getfattr --absolute-names --only-values -n user.lock.token "$work/$2/bound")" = "$token" ] ||
    die "a bound lock was lost while a directory was listed"
  exec 9<&-
}

measure_listing() {
  mount_lockfs memory memory:
  mount_lockfs tcp "$redis_tcp"
  mount_lockfs other "$redis_tcp"
  mkdir "$work/memory/many" "$work/tcp/many"
  "$programs/fill" "$work/memory/many" "$LISTED" >/dev/null
  "$programs/fill" "$work/tcp/many" "$LISTED" >/dev/null
  title "a cycle while $LISTED locks are listed: ms; and how long ls takes"
  row '' median p99 most ls
  listing_rows memory memory 'memory'
  listing_rows tcp other 'Redis, another mount'
  listing_rows tcp tcp 'Redis, that mount'
  unmount_lockfs memory
  unmount_lockfs tcp
  unmount_lockfs other
  redis FLUSHALL >/dev/null
}
