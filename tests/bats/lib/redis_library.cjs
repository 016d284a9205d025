// A client of a lock library from npm, for redis_clients.bats.
//
//   redis_library.cjs SOCKET try KEY     `acquired released`, or `refused`
//   redis_library.cjs SOCKET hold KEY    prints `held ID`, holds until its input ends; prints `lost` when the lock is lost
'use strict'

const Redis = require('ioredis')
const { Mutex } = require('redis-semaphore')

async function tryOnce(mutex) {
  if (!(await mutex.tryAcquire())) return console.log('refused')
  await mutex.release()
  console.log('acquired released')
}

async function hold(mutex) {
  await mutex.acquire()
  console.log('held', mutex.identifier)
  for await (const _ of process.stdin);
  await mutex.release()
}

async function main() {
  const [socket, what, key] = process.argv.slice(2)
  const client = new Redis(socket)
  const mutex = new Mutex(client, key, {
    lockTimeout: 2000,
    refreshInterval: 300,
    acquireAttemptsLimit: 1,
    onLockLost: () => console.log('lost'),
  })
  await (what === 'hold' ? hold : tryOnce)(mutex)
  client.disconnect()
}

main()
