# Prints a script as a C string of the variable `name`, each `--- @include "FILE"` line replaced by that file.
# FILE is relative to `dir`; what it includes itself is not looked at.

function print_quoted(line) {
	gsub(/[\\"]/, "\\\\&", line)
	print "\"" line "\\n\""
}

function print_file(file, line, status) {
	while ((status = (getline line < file)) > 0)
		print_quoted(line)
	if (status < 0) {
		print FILENAME ":" FNR ": cannot read " file > "/dev/stderr"
		exit 1
	}
	close(file)
}

BEGIN { print "static const char " name "[] =" }

/^--- @include "/ {
	split($0, part, "\"")
	print_file(dir "/" part[2])
	next
}

{ print_quoted($0) }

END { print ";" }
