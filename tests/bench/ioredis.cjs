// Cycles of a lock in Redis as a program for Node does them, for `cycle … pipe:`:
//
//   ioredis.cjs PORT
//
// For each line with a time in ms it goes on for so long, and answers with a line of
// how long each cycle took, in us.
'use strict'

const Redis = require('ioredis')
const { randomBytes } = require('crypto')
const { createInterface } = require('readline')

const client = new Redis(Number(process.argv[2]), '127.0.0.1')
client.defineCommand('release', {
  numberOfKeys: 1,
  lua: "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
})
const key = `node-${process.pid}`

async function cycle() {
  const id = randomBytes(16).toString('hex')
  if ((await client.set(key, id, 'PX', 30000, 'NX')) !== 'OK') throw new Error('not taken')
  if ((await client.release(key, id)) !== 1) throw new Error('not released')
}

async function turn(ms) {
  const times = []
  const end = process.hrtime.bigint() + BigInt(ms) * 1000000n
  let start = process.hrtime.bigint()
  while (start < end) {
    await cycle()
    const now = process.hrtime.bigint()
    times.push(Number(now - start) / 1000)
    start = now
  }
  return times
}

async function main() {
  for await (const line of createInterface({ input: process.stdin }))
    process.stdout.write(`${(await turn(Number(line))).join(' ')}\n`)
  client.disconnect()
}

main()
