// A mutex on one word of shared memory, for what threads of the program share on the JavaScript side.

// FREE 0, HELD 1, CONTENDED 2: held, and its holder must wake one waiter when it lets go.

export function lock(words, index) {
  let was = Atomics.compareExchange(words, index, 0, 1);
  while (was !== 0) {
    // Marked as contended before sleeping: the holder then owes a wake, so that none is lost.
    if (was === 2 || Atomics.compareExchange(words, index, 1, 2) !== 0) Atomics.wait(words, index, 2);
    was = Atomics.compareExchange(words, index, 0, 2);
  }
}

export function unlock(words, index) {
  if (Atomics.exchange(words, index, 0) === 2) Atomics.notify(words, index, 1);
}
