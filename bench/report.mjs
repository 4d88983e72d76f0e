// report.mjs: the bench results as one self-contained HTML page, with bars in inline SVG.

const STYLE = `
  :root { color-scheme: light dark; --text: #1c1e21; --soft: #5b6168; --line: #d5d9de; --page: #ffffff;
    --ours: #1769c2; --peer: #b4bac1; --best: #7b848e; }
  @media (prefers-color-scheme: dark) {
    :root { --text: #e6e8ea; --soft: #a2a9b1; --line: #3a4047; --page: #16181b;
      --ours: #5aa5f2; --peer: #565d65; --best: #8b949e; } }
  body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--page); color: var(--text);
    font: 15px/1.5 system-ui, sans-serif; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid var(--line); }
  td { vertical-align: top; } .number { text-align: right; }
  .about th { width: 10rem; font-weight: normal; color: var(--soft); }
  .wide { overflow-x: auto; } .metrics { display: grid; gap: 1.25rem 2rem; margin-top: 1.25rem;
    grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }
  figure { margin: 0; } figcaption { font-size: 0.9rem; } figcaption span { color: var(--soft); }
  svg { display: block; width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--text); }
  .ours { fill: var(--ours); } .peer { fill: var(--peer); } .best { fill: var(--best); }
  .spread { stroke: var(--text); stroke-width: 1.5; }
  code { overflow-wrap: anywhere; }`;

function escape(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
}

// Bars from zero to the medians; the thin line on each spans the middle half of the rounds.
function bars(row, figure) {
  const all = [...(row.ours ? [{ name: 'portalis', kind: 'ours', ...row.ours }] : []),
    ...row.peers.map((peer) => ({ kind: peer === row.best ? 'peer best' : 'peer', ...peer }))];
  const left = 84, width = 256, high = Math.max(...all.flatMap((one) => [one.high, one.median])) || 1;
  const x = (value) => (left + (value / high) * width).toFixed(1);
  const bar = ({ name, kind, median, low, high: top }, index) => `
      <text x="${left - 8}" y="${index * 21 + 15}" text-anchor="end">${escape(name)}</text>
      <rect class="${kind}" x="${left}" y="${index * 21 + 2}" height="17" rx="2" width="${(x(median) - left).toFixed(1)}"/>
      <line class="spread" x1="${x(low)}" x2="${x(top)}" y1="${index * 21 + 10.5}" y2="${index * 21 + 10.5}"/>
      <text x="${Math.max(x(median), x(top)) + 6}" y="${index * 21 + 15}">${figure(median)}</text>`;
  const label = `${row.metric}: ${all.map(({ name, median }) => `${name} ${figure(median)}`).join(', ')} ${row.unit}`;
  return `<svg viewBox="0 0 410 ${all.length * 21 + 2}" role="img" aria-label="${escape(label)}">${
    all.map(bar).join('')}
    </svg>`;
}

// How we stand against the best peer.
function standing({ ours, best, peers }, figure) {
  if (best === undefined)
    return peers.length > 0 ? 'no peer to compare with' : 'no peer has it';
  if (ours === undefined)
    return `best peer: ${escape(best.name)}`;
  const winner = best.winner === 'level' ? 'level' : `${escape(best.winner)} better`;
  return `best peer: ${escape(best.name)}, ratio ${figure(best.ratio)}, ${winner}`;
}

function metricFigure(row, figure) {
  return `  <figure>
    <figcaption><strong>${escape(row.metric)}</strong> <span>${escape(row.unit)}, ${row.better} is better; ${
  standing(row, figure)}</span><br>
    <span>${escape(row.what)}</span></figcaption>
    ${bars(row, figure)}
  </figure>`;
}

// A line for each peer; those of one metric under one figure of ours.
function tableLines(row, figure) {
  const spread = (one) => (one ? `${figure(one.median)} (${figure(one.low)} to ${figure(one.high)})` : '-');
  const peers = row.peers.length > 0 ? row.peers : [undefined];
  const cell = (text, kind = '') => `<td rowspan="${peers.length}"${kind}>${text}</td>`;
  return peers.map((peer, index) => `  <tr>${index > 0 ? '' : `${cell(row.target)}${cell(escape(row.metric))}${
    cell(escape(row.unit))}${cell(row.better)}${cell(spread(row.ours), ' class="number"')}`}
    <td>${peer ? escape(peer.name) : '-'}${peer && peer === row.best ? ', best' : ''}</td>
    <td class="number">${spread(peer)}</td>
    <td class="number">${figure(peer?.ratio)}</td><td>${escape(peer?.winner ?? '-')}</td></tr>`)
    .join('\n');
}

function table(rows, figure) {
  return `<div class="wide"><table>
  <tr><th>target</th><th>metric</th><th>unit</th><th>better</th><th class="number">ours</th><th>peer</th>
    <th class="number">its figure</th><th class="number">ratio</th><th>who wins</th></tr>
${rows.map((row) => tableLines(row, figure)).join('\n')}
</table></div>`;
}

// rows: as run.mjs compares them. about: pairs of what and how. notes: more to say. figure: a number as text.
export function reportPage(rows, about, notes, figure) {
  const targets = [...new Set(rows.map(({ target }) => target))];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>libportalis_thread: bench</title>
<style>${STYLE}
</style>
</head>
<body>
<h1>libportalis_thread: bench</h1>
<table class="about">
${about.map(([what, how]) => `  <tr><th>${escape(what)}</th><td>${what === 'By' ? `<code>${escape(how)}</code>` : escape(how)}</td></tr>`).join('\n')}
</table>
<p>Bars are medians of the rounds; the thin line spans their middle half; the best peer's bar is the darker one. Ratio is
ours / peer. Where the middle halves overlap, the two count as level.${notes.map((note) => ` ${escape(note)}`).join('')}
What each metric says, and what it does not: <code>bench/README.md</code>.</p>
${targets.map((target) => `<h2>${target}</h2>
<div class="metrics">
${rows.filter((row) => row.target === target).map((row) => metricFigure(row, figure)).join('\n')}
</div>`).join('\n')}
<h2>All figures</h2>
${table(rows, figure)}
</body>
</html>
`;
}
