# Certificates for tests of TLS. Load it after redis.bash; $C is set by the file's own setup to $BATS_FILE_TMPDIR.
# shellcheck shell=bash disable=SC2034,SC2154  # for the tests; what redis.bash has

# Certificates are made once for this file. Each is in NAME.crt, its key in NAME.key.
setup_file() {
  cd "$BATS_FILE_TMPDIR" || return 1
  make_authority ca
  make_authority other_ca
  make_certificate ca server "subjectAltName=IP:127.0.0.1,DNS:localhost,IP:$far_address"
  make_certificate ca elsewhere "subjectAltName=IP:192.0.2.1,DNS:elsewhere.example"
  make_certificate ca nameless ""
  make_certificate ca client ""
  make_certificate other_ca stranger ""
  make_certificate ca expired "subjectAltName=IP:127.0.0.1"
}

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)

make_authority() {
  openssl req -x509 -days 2 "${new_key[@]}" -keyout "$1.key" -out "$1.crt" -subj "/CN=$1 of the tests" 2>"$1.log" ||
    fail "$(cat "$1.log")"
}

# make_certificate AUTHORITY NAME EXTENSIONS: the one named `expired` has
make_certificate() {
  local authority=$1 name=$2 days=2
  [ "$name" != expired ] || days=0  # since it was made
  {
    openssl req -new "${new_key[@]}" -keyout "$name.key" -out "$name.csr" -subj "/CN=$name of the tests" &&
      openssl x509 -req -days "$days" -in "$name.csr" -CA "$authority.crt" -CAkey "$authority.key" -CAcreateserial \
        -extfile <(echo "$3") -out "$name.crt"
  } 2>"$name.log" || fail "$(cat "$name.log")"
}
