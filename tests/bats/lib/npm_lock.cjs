// Holds a lock of a package of npm, unmodified, until a line comes on standard input:
//
//   npm_lock.cjs lockfile try|wait PATH              lockfile: creates PATH exclusively
//   npm_lock.cjs cross-process-lock try|wait PATH    cross-process-lock: writes PATH.lock; PATH must exist
//   npm_lock.cjs redlock try|wait KEY SOCKET         redlock: SET NX PX on a Redis server
//
// It prints `held` and `released`, or the error and ends with status 75 if it does not get the lock.
'use strict'

const [library, how, path, socket] = process.argv.slice(2)
const waits = how === 'wait'

// Each returns a function that releases.
const take = {
  async lockfile() {
    const { lock, unlock } = require('lockfile')
    const { promisify } = require('util')
    await promisify(lock)(path, waits ? { wait: 60000, pollPeriod: 50 } : {})
    return () => promisify(unlock)(path)
  },

  async 'cross-process-lock'() {
    const { lock } = require('cross-process-lock')
    return lock(path, { waitTimeout: waits ? 60000 : 1000, lockTimeout: 3600000 })
  },

  async redlock() {
    const Redis = require('ioredis')
    const Redlock = require('redlock')
    const client = new Redis(socket)
    const lock = await new Redlock([client], { retryCount: waits ? 600 : 0, retryDelay: 100 }).lock(path, 30000)
    return async () => {
      await lock.unlock()
      client.disconnect()
    }
  },
}

const nextLine = () => new Promise((resolve) => process.stdin.once('data', resolve))

async function main() {
  const release = await take[library]()
  console.log('held')
  await nextLine()
  await release()
  console.log('released')
  process.exit(0)
}

main().catch((error) => {
  console.error(error.code || '', error.message)
  process.exit(75)
})
