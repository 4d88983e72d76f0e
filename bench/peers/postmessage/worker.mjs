// One end of the channel: does what main.mjs asks for, n times, and answers when it is done.

let port;

const tasks = {
  // The values from 1 to n. That they are on their way is all that there is to wait for.
  send(n) {
    for (let value = 1; value <= n; value++)
      port.postMessage(value);
    postMessage(undefined);
  },

  // Answers with the sum of n values.
  receive(n) {
    let left = n, sum = 0;
    port.onmessage = ({ data }) => {
      sum += data;
      if (--left === 0)
        postMessage(sum);
    };
  },

  // Answers with the milliseconds that it took, from the first message on its way to the last one back.
  ping(n) {
    let value = 1;
    port.onmessage = ({ data }) => {
      if (data !== value)
        throw new Error('another value came back');
      if (value++ === n)
        postMessage(performance.now() - begin);
      else
        port.postMessage(value);
    };
    const begin = performance.now();
    port.postMessage(value);
  },

  pong(n) {
    let left = n;
    port.onmessage = ({ data }) => {
      port.postMessage(data);
      if (--left === 0)
        postMessage(undefined);
    };
  },
};

onmessage = ({ data }) => {
  if (data.port !== undefined)
    port = data.port;
  else
    tasks[data.what](...data.numbers);
};
