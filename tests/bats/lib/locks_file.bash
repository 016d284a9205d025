# What the tests of `.locks` share. Load it after helper.bash.
# shellcheck shell=bash

# keys FILE: the keys of a `.locks`, sorted, in one line
keys() {
  cut -f1 "$1" | sort | tr '\n' ' ' | sed 's/ $//'
}

# many COUNT DIR: takes locks NUMBER with five digits
many() {
  py "$@" <<'PY'
for number in range(int(sys.argv[1])):
    os.close(os.open(f"{sys.argv[2]}/{number:05d}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
PY
}
