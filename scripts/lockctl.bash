# Completion of lockctl for bash.
# shellcheck shell=bash

# _lockctl_keys DIR PREFIX: names below the directory of -d or LOCKFS_DIR; paths if DIR is empty
_lockctl_keys() {
	local dir=$1 current=$2
	if [[ -z $dir || $current == /* || $current == ./* || $current == ../* ]]; then
		compgen -f -- "$current"
	else
		(cd -- "$dir" 2>/dev/null && compgen -f -- "$current")
	fi
}

_lockctl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} dir=${LOCKFS_DIR-} options i
	local IFS=$'\n'

	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W $'acquire\nrelease\nforce-release\nrefresh\nstate\nwait\nrun\nls\nevents\nhandle\nhelp' -- "$current")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-d) dir=${COMP_WORDS[i + 1]} ;;
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
	-d)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	-t | -I | -w | -i | -n | -E | -L | -k) return ;;
	esac
	case $current in
	-*)
		case $command in
		acquire) options='-d -x -s -t -I -w -i -n --or-fail' ;;
		release | force-release | handle) options='-d -x -I --or-fail' ;;
		refresh) options='-d -x -I -t --or-fail' ;;
		state) options='-d -x -I' ;;
		wait) options='-d -x -I -w -i --or-fail' ;;
		run) options='-d -x -s -t -I -w -i -n -E -L -k --' ;;
		ls) options='-d -x -i --json --watch' ;;
		events) options='-d -x --json' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "${options// /$'\n'}" -- "$current")
		;;
	*)
		compopt -o filenames
		mapfile -t COMPREPLY < <(_lockctl_keys "$dir" "$current")
		;;
	esac
}

complete -F _lockctl lockctl
