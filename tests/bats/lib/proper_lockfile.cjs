// Holds a lock of proper-lockfile, unmodified, until a line comes on standard input:
//
//   proper_lockfile.cjs try PATH     tries once
//   proper_lockfile.cjs wait PATH    tries ten times a second
//   proper_lockfile.cjs hour PATH    tries once, and lets an hour pass in which it updates the lock every 5 seconds
//
// It prints `held`, after the hour the number of updates, and `released`. If the lock is compromised, it prints the error's code
// and ends with status 70; if it does not get the lock, with status 75.
'use strict'

const lockfile = require('proper-lockfile')

const [how, path] = process.argv.slice(2)

// Replaces the clock and the timers by those of a simulation, in which a timer fires as soon as the event loop is idle, up to a
// second late, so that the updates have every fraction of a second.
function simulateTime() {
  let now = Date.now()
  const end = now + 3600 * 1000
  const simulated = { updates: 0 }
  simulated.hour = new Promise((resolve) => (simulated.passed = resolve))
  Date.now = () => now
  global.setTimeout = (call, delay) => {
    const due = now + delay + ((simulated.updates * 37) % 1000)
    return setImmediate(() => {
      now = due
      simulated.updates++
      call()
      if (now >= end) simulated.passed()
    })
  }
  global.clearTimeout = clearImmediate
  return simulated
}

function fail(status, error) {
  console.log(error.code)
  console.error(error.message)
  process.exit(status)
}

const nextLine = () => new Promise((resolve) => process.stdin.once('data', resolve))

async function main() {
  const simulated = how === 'hour' && simulateTime()
  const release = await lockfile.lock(path, {
    realpath: false,
    stale: how === 'hour' ? 20000 : 4000,
    update: how === 'hour' ? 5000 : 1000,
    retries: how === 'wait' ? { retries: 200, factor: 1, minTimeout: 100 } : 0,
    onCompromised: (error) => fail(70, error),
  }).catch((error) => fail(75, error))
  console.log('held')
  if (simulated) {
    await simulated.hour
    console.log(simulated.updates)
  }
  await nextLine()
  await release()
  console.log('released')
  process.exit(0)
}

main()
