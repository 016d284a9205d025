# What the documentation shows, for the tests that run it: README.md, the manual lockfs-recipes(7), and the programs in
# scripts/examples/. Load it after helper.bash and redis.bash.
# shellcheck shell=bash disable=SC2154  # what those have

README=$BATS_TEST_DIRNAME/../../../README.md
RECIPES=$BATS_TEST_DIRNAME/../../../fs/lockfs-recipes.7
EXAMPLES=$BATS_TEST_DIRNAME/../../../scripts/examples

# README.md

# section HEADING: what stands below a heading, up to the next one of its rank or
# above; below the title, up to the first heading. A line that begins with # within code is no heading.
section() {
  awk -v wanted="$1" '
    /^```/ { code = !code }
    !code && match($0, /^#+ /) {
      rank = RLENGTH
      if (found && (rank <= found || found == 2)) exit
      if (substr($0, rank + 1) == wanted) { found = rank; next }
    }
    found' "$README"
}

# sections: the headings of the second rank
sections() {
  awk '/^```/ { code = !code } !code && sub(/^## /, "")' "$README"
}

# code HEADING LANGUAGE [N]: the Nth fenced block below a heading
code() {
  local found
  found=$(section "$1" | awk -v fence='```'"$2" -v n="${3:-1}" '
    $0 == "```" && inside { exit }
    inside
    $0 == fence && ++count == n { inside = 1 }')
  [ "$found" ] || fail "README has no code of $2 below '$1'"
  printf '%s\n' "$found"
}

# transcript HEADING: the indented blocks that have commands, without their
# indentation, but for those behind a comment `not run: WHY`
transcript() {
  section "$1" | awk '
    /^```/ { fenced = !fenced }
    fenced { next }
    /^<!-- not run: .* -->$/ { skipped = 1; next }
    # An empty line belongs to a block where more of it follows.
    /^$/ { empty++; next }
    /^    / {
      if (!block) { block = 1; commands = /^    \$ /; empty = 0 }
      if (commands && !skipped) {
        for (; empty; empty--) print ""
        print substr($0, 5)
      }
      empty = 0
      next
    }
    { block = skipped = empty = 0 }'
}

# The manual

# manual_section HEADING: the lines of the source below a heading, up to the next one
manual_section() {
  awk -v wanted=".Sh $1" '/^\.Sh / { found = $0 == wanted; next } found' "$RECIPES"
}

# manual_sections: the headings
manual_sections() {
  sed -n 's/^\.Sh //p' "$RECIPES"
}

# plain: what is shown of lines of the source that are text
plain() {
  sed -e 's/^\\&//' -e 's/\\(dq/"/g' -e 's/\\e/\\/g'
}

# manual_transcript HEADING: the literal displays that have commands, but for those behind a comment `not run: WHY`
manual_transcript() {
  manual_section "$1" | awk '
    /^\.\\" not run: / { skipped = 1; next }
    /^\.Bd -literal/ { inside = 1; first = 1; next }
    /^\.Ed$/ { inside = skipped = 0; next }
    !inside { next }
    first { commands = /^\$ /; first = 0 }
    commands && !skipped' | plain
}

# The programs

# example MOUNTPOINT FILE: the text of a program, for the lock directory on MOUNTPOINT
example() {
  sed "s|/locks\>|$1|g" "$EXAMPLES/$2"
}

# What all of them are run with

# commands FILE DIR: each command of a transcript into a file of its own in DIR,
# 1, 2, …; prints how many
commands() {
  awk -v dir="$2" '
    sub(/^\$ /, "") { print >(dir "/" ++n) }
    END { print n + 0 }' "$1"
}

# Programs, found before others: lockfs as it was built, and a Redis on a port of
# our own, so that code can name the usual one.
setup_programs() {
  local port server=$LOCKFS_TEST_REDIS_SERVER cli=$redis_cli_command
  mkdir "$T/bin" "$T/server"
  port=$((20000 + RANDOM % 12000))
  while (: <>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do
    port=$((port + 1))
  done
  redis_port[readme]=$port
  program lockfs "exec '$LOCKFS' \"\${@/#redis:\/\/localhost/redis://127.0.0.1:$port}\""
  program redis-cli "exec $cli -p $port \"\$@\""
  # In the background it listens only after the command has returned, and code is faster than fingers.
  program redis-server "$server --port $port --bind 127.0.0.1 --dir '$T/server' \
    --pidfile '$T/server/pid' --logfile '$T/server/log' \"\$@\" &&
    timeout 20 bash -c 'until $cli -p $port PING; do sleep 0.01; done' >/dev/null 2>&1"
  PATH=$T/bin:$PATH
}

# program NAME CODE: a program of bash
program() {
  printf '#!/bin/bash\n%s\n' "$2" >"$T/bin/$1"
  chmod +x "$T/bin/$1"
}

# A server that code has started ends by itself, or here.
end_programs() {
  local pid
  [ -s "$T/server/pid" ] || return 0
  read -r pid <"$T/server/pid"
  [[ $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) != *-server*":${redis_port[readme]} "* ]] || kill_all "$pid"
}
