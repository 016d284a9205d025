# Holds a lock of ruby-lockfile, unmodified, until a line comes on standard input:
#
#   ruby lock_files.rb PATH [once]
#
# It refreshes the lock each second. If it has not got the lock, it prints the exception's name and ends with status 75.
require 'lockfile'

path, once = ARGV
options = { refresh: 1, min_sleep: 0.1, max_sleep: 0.5, sleep_inc: 0.1, max_age: 3600, suspend: 1 }
options[:retries] = 0 if once
begin
  Lockfile.new(path, options) do
    puts 'held'
    $stdout.flush
    $stdin.gets
  end
rescue Lockfile::MaxTriesLockError => refusal
  puts refusal.class
  exit 75
end
