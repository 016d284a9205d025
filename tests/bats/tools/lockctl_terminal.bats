# lockctl on a terminal: who is in front, what keys do, and the line that says what is waited for.
# All is typed at a shell that has a terminal of its own.

load ../lib/helper

# on_terminal WAIT TYPE [WAIT TYPE...]: types each when what it waits for was printed
on_terminal() {
  M=$M python3 -IS "$BATS_TEST_DIRNAME/../lib/terminal.py" "$@" >"$T/screen" || fail "$(cat "$T/screen")"
}

@test "on a terminal the command is in front: it reads, and has /dev/tty" {
  on_terminal '# ' '$LOCKCTL run $M/job -- sh -c "echo ready; read x; echo got \$x >/dev/tty"; echo status=$?' \
    $'ready\r\n' hello $'got hello\r\nstatus=0' ''
  gone "$M/job"
}

@test "on a terminal the interrupt key reaches the command" {
  on_terminal '# ' '$LOCKCTL run $M/job -- sh -c "echo ready; exec sleep 1000"' $'ready\r\n' ^C '# ' 'echo status=$?' status=130 ''
  gone "$M/job"
}

@test "on a terminal the suspend key stops both, with the lock held, and fg and bg go on" {
  on_terminal '# ' '$LOCKCTL run $M/job -- sh -c "echo ready; read x; echo got \$x"; echo status=$?' \
    $'ready\r\n' ^Z 'Stopped' '$LOCKCTL state $M/job; fg; echo status=$?' \
    $'ACQUIRED\r\n' '' $'read x; echo got' hello $'got hello\r\nstatus=0' ''
  gone "$M/job"
  mkfifo "$T/go"
  on_terminal '# ' '$LOCKCTL run $M/job -- sh -c "echo ready; exec cat ${M%/*}/go"' \
    $'ready\r\n' ^Z 'Stopped' 'bg' '&' ': >${M%/*}/go; wait %%; echo status=$?' 'status=0' ''
  wait_until gone "$M/job"
}

@test "on a terminal the suspend key stops a script that lockctl is in as well" {
  on_terminal '# ' 'sh -c '\''$LOCKCTL run $M/job -- sh -c "echo ready; read x; echo got \$x"; echo script=$?'\' \
    $'ready\r\n' ^Z 'Stopped' '$LOCKCTL state $M/job; fg' $'ACQUIRED\r\n' '' script hello $'got hello\r\nscript=0' ''
  gone "$M/job"
}

@test "on a terminal without a shell that could let it go on, the suspend key does nothing" {
  on_terminal '# ' 'exec $LOCKCTL run $M/job -- sh -c "echo ready; read x; echo got \$x; read x"' \
    $'ready\r\n' ^Z '^Z' hello $'got hello\r\n' ''
  wait_until gone "$M/job"
}

@test "in a pipeline on a terminal, its other programs keep the terminal" {
  on_terminal '# ' '$LOCKCTL run $M/job -- echo words | sh -c "read x </dev/tty; cat; echo \$x"; echo status=$?' \
    $'status=$?\r\n' typed $'words\r\ntyped\r\nstatus=0' ''
}

# end_of_script SHELL KEY COMMAND...: what a script with the command prints when the key is typed meanwhile
end_of_script() {
  local shell=$1 key=$2
  shift 2
  cat >"$T/script" <<SCRIPT
$* sh -c 'echo ready; exec sleep 1000'
echo deleting old release
SCRIPT
  on_terminal '# ' "$shell $T/script" $'ready\r\n' "$key" '# ' 'echo status=$?' 'status=' '' '# ' ''
  grep -oE '^(deleting old release|status=[0-9]+)' "$T/screen" | paste -sd ' '
}

@test "a key that interrupts the command ends the script that it is in, as with flock" {
  for shell in dash bash; do
    for key in ^C '^\'; do
      wanted=$(end_of_script "$shell" "$key" flock "$M/flock")
      is "$shell $key $wanted" "$shell $key $(end_of_script "$shell" "$key" "$LOCKCTL" run "$M/job" --)"
      wait_until gone "$M/job"
      [[ $key != ^C ]] || is "status=130" "$wanted"
    done
  done
}

@test "a command that handles the interrupt key and ends well lets its script go on" {
  cat >"$T/script" <<SCRIPT
$LOCKCTL run $M/job -- bash -c 'trap "exit 0" INT; echo ready; while :; do sleep 0.05; done'
echo goes on
SCRIPT
  on_terminal '# ' "bash $T/script" $'ready\r\n' ^C 'goes on' ''
}

@test "the interrupt key ends lockctl wait, and run -w on a lock of one's own session" {
  on_terminal '# ' '(set -C; : >$M/job); echo taken' $'taken\r\n' '$LOCKCTL wait $M/job' 'waiting for job' ^C '# ' 'echo status=$?' 'status=130' \
    '$LOCKCTL run -w forever $M/job true' 'waiting for job' ^C '# ' 'echo status=$?' 'status=130' ''
}

# By bash, as dash starts programs by vfork(2), and a process in that does not stop.
@test "a command in the background that is brought in front has the terminal when it reads" {
  on_terminal '# ' '$LOCKCTL run $M/job -- bash -c "echo ready; sleep 0.5; read x; echo got \$x"; echo status=$?' \
    $'ready\r\n' ^Z 'Stopped' 'bg' '&' 'fg' 'read x; echo got' hello $'got hello\r\n' ''
}

@test "a command that asks on the terminal in a pipeline is answered" {
  on_terminal '# ' '$LOCKCTL run $M/job -- sh -c "read x </dev/tty; echo got \$x" | cat; echo status=$?' \
    $'status=$?\r\n' typed $'got typed\r\nstatus=0' ''
}

@test "while it waits on a terminal, a line says who holds the lock, since when and with what note" {
  echo "roll-out of 4.2" >"$M/.with/id=alice@web1:4242 deploy/job"
  on_terminal '# ' 'stty cols 200' '# ' '$LOCKCTL run -w 1m $M/job -- echo mine; echo status=$?' \
    'waiting for job: held by alice@web1:4242 deploy since ' '' 'lease 4 min' '' '0 before you: roll-out of 4.2' '' \
    'lease 4 min' ^Z 'Stopped' 'rm "$M/.with/force/job"; fg; echo status=$?' 'mine' '' 'status=0' ''
}

@test "with -v the line is printed without a terminal, once for each holder, and with -q not at all" {
  take_as_other "$M/job"
  run "$LOCKCTL" run -v -w 1500ms "$M/job" -- true
  is "1 2" "$status ${#lines[@]}"
  matches 'lockctl: waiting for job: held by .* since [0-9]+:[0-9]+ .*, lease 4 min .*, 0 before you' "${lines[0]}"
  run "$LOCKCTL" run -q -v -w 400ms "$M/job" -- true
  is "1 " "$status $output"
  mkdir "$M/pool"
  setfattr -n user.lock.limit -v 1 "$M/pool"
  take "$M/pool/one"
  run "$LOCKCTL" run -v -w 500ms -L 1 "$M/pool" -- true
  is "lockctl: waiting for room in pool: 1 of 1 locks are held, 1 wait" "${lines[0]}"
}
