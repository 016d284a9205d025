# Packages of npm for tests, installed from its registry. npm_lock: the command that runs npm_lock.cjs with them.
# shellcheck shell=bash disable=SC2034  # used by the files that load this one

npm_lock=(env "NODE_PATH=$BATS_FILE_TMPDIR/npm/node_modules" node "$BATS_TEST_DIRNAME/../lib/npm_lock.cjs")

# install_packages PACKAGE@VERSION...: once for a file
install_packages() {
  local dir=$BATS_FILE_TMPDIR/npm
  [ ! -d "$dir/node_modules" ] || return 0
  mkdir -p "$dir"
  npm install --prefix "$dir" --no-audit --no-fund --no-package-lock --loglevel=error "$@" >"$dir/log" 2>&1 3>&- ||
    fail "npm install: $(cat "$dir/log")"
}
