// strict_pool.js: linked into the project's own programs (--post-js): no Worker is ever started beyond
// PTHREAD_POOL_SIZE, and pthread_create answers EAGAIN. That is what PTHREAD_POOL_SIZE_STRICT=2 means, but Emscripten
// turns that setting off where PROXY_TO_PTHREAD is on (seen in 6.0.5), and our main() is to run in a Worker.
PThread.getNewWorker = () => PThread.unusedWorkers.pop();
