/* The commands of lockctl. Each returns an exit status. */
#ifndef LOCKCTL_COMMAND_FUNCTIONS_H
#define LOCKCTL_COMMAND_FUNCTIONS_H

struct options;
struct place;

int command_acquire(struct options *options, struct place *place, char **command);
int command_release(struct options *options, struct place *place, char **command);
int command_force_release(struct options *options, struct place *place, char **command);
int command_refresh(struct options *options, struct place *place, char **command);
int command_state(struct options *options, struct place *place, char **command);
int command_wait(struct options *options, struct place *place, char **command);
int command_handle(struct options *options, struct place *place, char **command);
int command_events(struct options *options, struct place *place, char **command);
int command_run(struct options *options, struct place *place, char **command);
int command_ls(struct options *options, struct place *place, char **command);

#endif
