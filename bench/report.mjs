// report.mjs: the bench results as one self-contained HTML page, with bars in inline SVG.

const STYLE = `
  :root { color-scheme: light dark; --text: #1c1e21; --soft: #5b6168; --line: #d5d9de; --page: #ffffff;
    --ours: #1769c2; --peer: #9aa2ab; }
  @media (prefers-color-scheme: dark) {
    :root { --text: #e6e8ea; --soft: #a2a9b1; --line: #3a4047; --page: #16181b; --ours: #5aa5f2; --peer: #6f7780; } }
  body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--page); color: var(--text);
    font: 15px/1.5 system-ui, sans-serif; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid var(--line); }
  .number { text-align: right; } .about th { width: 10rem; font-weight: normal; color: var(--soft); }
  .wide { overflow-x: auto; } .metrics { display: grid; gap: 1.25rem 2rem; margin-top: 1.25rem;
    grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }
  figure { margin: 0; } figcaption { font-size: 0.9rem; } figcaption span { color: var(--soft); }
  svg { display: block; width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--text); }
  .ours { fill: var(--ours); } .peer { fill: var(--peer); } .spread { stroke: var(--text); stroke-width: 1.5; }
  code { overflow-wrap: anywhere; }`;

function escape(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
}

// Bars from zero to the medians; the thin line on each spans the middle half of the rounds.
function bars(row, figure) {
  const left = 70, width = 270, high = Math.max(row.ours.high, row.peer.high, row.ours.median, row.peer.median) || 1;
  const x = (value) => (left + (value / high) * width).toFixed(1);
  const bar = (name, kind, { median, low, high: top }, y) => `
      <text x="${left - 8}" y="${y + 13}" text-anchor="end">${escape(name)}</text>
      <rect class="${kind}" x="${left}" y="${y}" width="${(x(median) - left).toFixed(1)}" height="18" rx="2"/>
      <line class="spread" x1="${x(low)}" x2="${x(top)}" y1="${y + 9}" y2="${y + 9}"/>
      <text x="${Math.max(x(median), x(top)) + 6}" y="${y + 13}">${figure(median)}</text>`;
  const label = `${row.metric}: ours ${figure(row.ours.median)}, ${row.peerName} ${figure(row.peer.median)} ${row.unit}`;
  return `<svg viewBox="0 0 410 46" role="img" aria-label="${escape(label)}">${
    bar('portalis', 'ours', row.ours, 2)}${bar(row.peerName, 'peer', row.peer, 25)}
    </svg>`;
}

function metricFigure(row, figure) {
  return `  <figure>
    <figcaption><strong>${escape(row.metric)}</strong> <span>${escape(row.unit)}, ${row.better} is better; ratio ${
  figure(row.ratio)}, ${row.winner === 'level' ? 'level' : `${escape(row.winner)} better`}</span><br>
    <span>${escape(row.what)}</span></figcaption>
    ${bars(row, figure)}
  </figure>`;
}

function table(rows, figure) {
  const spread = ({ median, low, high }) => `${figure(median)} (${figure(low)} to ${figure(high)})`;
  return `<div class="wide"><table>
  <tr><th>target</th><th>metric</th><th>unit</th><th class="number">ours</th><th class="number">peer</th>
    <th class="number">ratio</th><th>better</th><th>who wins</th></tr>
${rows.map((row) => `  <tr><td>${row.target}</td><td>${escape(row.metric)}</td><td>${escape(row.unit)}</td>
    <td class="number">${spread(row.ours)}</td><td class="number">${spread(row.peer)}</td>
    <td class="number">${figure(row.ratio)}</td><td>${row.better}</td><td>${escape(row.winner)}</td></tr>`).join('\n')}
</table></div>`;
}

// rows: as run.mjs compares them. about: pairs of what and how. figure: a number as text.
export function reportPage(rows, about, figure) {
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
<p>Bars are medians of the rounds; the thin line spans their middle half. Ratio is ours / peer. Where the middle halves
overlap, the two count as level. What each metric says, and what it does not: <code>bench/README.md</code>.</p>
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
