-- The rest of a script that freed a lock for which others wait.
follow_up(pass_on, path, before)
return { 'OK', held.token, trouble }
