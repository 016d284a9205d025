# Completion of lockctl for bash. The build puts the tables of commands and options in.
# shellcheck shell=bash disable=SC2154  # variables of the tables

# @TABLE@

# _lockctl_keys DIR PREFIX: names below the directory of -d or LOCKFS_DIR; paths if DIR is empty
_lockctl_keys() {
	local dir=$1 current=$2
	if [[ -z $dir || $current == /* || $current == ./* || $current == ../* ]]; then
		compgen -f -- "$current"
	else
		(cd -- "$dir" 2>/dev/null && compgen -f -- "$current")
	fi
}

# _lockctl_words TEXT PREFIX: those of the words that begin so
_lockctl_words() {
	mapfile -t COMPREPLY < <(compgen -W "${1// /$'\n'}" -- "$2")
}

_lockctl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} dir=${LOCKFS_DIR-} i
	local IFS=$'\n'

	if ((COMP_CWORD == 1)); then
		_lockctl_words "$_lockctl_commands" "$current"
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-d | --dir) dir=${COMP_WORDS[i + 1]} ;;
		--)
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			else
				mapfile -t COMPREPLY < <(compgen -c -- "$current")
			fi
			return
			;;
		esac
	done
	case $previous in
	-d | --dir)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	-a | --also) ;;
	-o | --output)
		# Columns, of which the last one is completed.
		_lockctl_words "$(_lockctl_values "$previous")" "${current##*,}"
		[[ $current != *,* ]] || COMPREPLY=("${COMPREPLY[@]/#/${current%,*},}")
		return
		;;
	*)
		if [[ $(_lockctl_with_value "$command") == *" $previous "* ]]; then
			_lockctl_words "$(_lockctl_values "$previous")" "$current"
			return
		fi
		;;
	esac
	case $current in
	-*) _lockctl_words "$(_lockctl_options "$command")" "$current" ;;
	*)
		compopt -o filenames
		mapfile -t COMPREPLY < <(_lockctl_keys "$dir" "$current")
		;;
	esac
}

complete -F _lockctl lockctl
