-- The rest of a script that freed a lock for which others wait.
pass_on(path, before)
return { 'OK', held.token }
