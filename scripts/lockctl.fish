# Completion of lockctl for fish. The build puts the tables of commands and options in.

# @TABLE@
