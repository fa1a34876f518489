// A dashboard of ours as Grafana draws it: its own components, fed with the committed JSON and a run's query results.
// What those components leave to the server (heat maps, the grid, default field options) is done here.
//
// `window.SHOWN` is {page, results, from, to, step}: the dashboard, for each panel's id its series [{legend, labels,
// points}], a point being [seconds, value], and the time range and step in seconds.

import { interpolateOranges } from 'd3-scale-chromatic';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';

// Not by import: their modules for that take a CommonJS default that bundlers see otherwise.
const {
  createTheme, dateTime, EventBusSrv, FieldType, formattedValueToString, getDisplayProcessor, getValueFormat, ThemeContext,
} = require('@grafana/data');
const { BarGauge, BigValue, GlobalStyles, PanelChrome, PanelContextProvider, Table, TimeSeries } = require('@grafana/ui');

const COLUMNS = 24;
const ROW = 30;
const GAP = 8;
const WIDTH = 1600;
const LINES = {
  drawStyle: 'line', lineInterpolation: 'linear', axisPlacement: 'auto', gradientMode: 'none', spanNulls: false,
  scaleDistribution: { type: 'linear' }, hideFrom: { legend: false, tooltip: false, viz: false }, pointSize: 5,
};

const { page, results, from, to, step } = window.SHOWN;
const TIMES = Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, n) => Math.round(1000 * (from + n * step)) / 1000);
const theme = createTheme({ colors: { mode: 'dark' } });
const timeRange = { from: dateTime(1000 * from), to: dateTime(1000 * to), raw: { from: 'now-30m', to: 'now' } };

function withDisplay(field, seriesIndex) {
  const known = field.values.filter((value) => value !== null);
  const [min, max] = [Math.min(...known), Math.max(...known)];
  const made = { ...field, state: { seriesIndex, range: { min, max, delta: max - min } } };
  return { ...made, display: getDisplayProcessor({ field: made, theme, timeZone: 'utc' }) };
}

function fieldConfig(panel, legend, colour) {
  const defaults = structuredClone(panel.fieldConfig.defaults);
  for (const step of defaults.thresholds?.steps ?? []) {
    step.value = step.value ?? -Infinity;
  }
  const custom = { ...LINES, ...defaults.custom };
  return { color: { mode: colour }, ...defaults, custom, displayName: legend };
}

// Every series has all the times: where it has no value the line is broken.
function frames(panel, colour) {
  return results[panel.id].map((one, index) => {
    const known = new Map(one.points);
    const values = TIMES.map((at) => (known.has(at) ? Number(known.get(at)) : null));
    const config = fieldConfig(panel, one.legend || panel.title, colour);
    const time = { name: 'Time', type: FieldType.time, values: TIMES.map((at) => 1000 * at), config: {} };
    const value = { name: 'Value', type: FieldType.number, values, labels: one.labels, config };
    return { length: values.length, refId: one.refId, fields: [withDisplay(time, index), withDisplay(value, index)] };
  });
}

const last = (frame) => frame.fields[1].values.findLast((value) => value !== null);

function Lines({ panel, width, height }) {
  const shown = frames(panel, 'palette-classic');
  return (
    <TimeSeries frames={shown} structureRev={1} width={width} height={height} timeRange={timeRange} timeZone="utc"
      legend={panel.options.legend} options={panel.options} />
  );
}

function Stat({ panel, width, height }) {
  const [first] = frames(panel, 'thresholds');
  if (!first) {
    return <Nothing />;
  }
  const [time, value] = first.fields;
  return (
    <BigValue width={width} height={height} theme={theme} value={{ ...value.display(last(first)), title: undefined }}
      colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} justifyMode={panel.options.justifyMode}
      textMode="value" sparkline={{ x: time, y: value, timeRange }} />
  );
}

function Bars({ panel, width, height }) {
  const shown = frames(panel, 'thresholds').sort((a, b) => last(b) - last(a));
  const { minVizHeight, maxVizHeight } = panel.options;
  const each = Math.min(maxVizHeight, Math.max(minVizHeight, height / shown.length - GAP));
  const max = panel.fieldConfig.defaults.max ?? Math.max(...shown.map(last));
  return shown.map((frame, index) => {
    const { config, display } = frame.fields[1];
    const value = { ...display(last(frame)), title: config.displayName };
    return (
      <div key={index} style={{ marginBottom: GAP }}>
        <BarGauge width={width} height={each} theme={theme} field={{ ...config, min: 0, max }} display={display} value={value}
          orientation="horizontal" displayMode={panel.options.displayMode} showUnfilled={panel.options.showUnfilled}
          namePlacement={panel.options.namePlacement} valueDisplayMode={panel.options.valueMode} />
      </div>
    );
  });
}

function Rows({ panel, width, height }) {
  const series = results[panel.id];
  const [{ options: { excludeByName, indexByName, renameByName } }] = panel.transformations;
  const column = (name, type, values) => ({ name, type, values, config: { ...fieldConfig(panel, renameByName[name] ?? name, 'thresholds') } });
  const labels = [...new Set(series.flatMap((one) => Object.keys(one.labels)))];
  const fields = [
    column('Time', FieldType.time, series.map((one) => 1000 * one.points.at(-1)[0])),
    ...labels.map((name) => column(name, FieldType.string, series.map((one) => one.labels[name] ?? ''))),
    column('Value', FieldType.number, series.map((one) => Number(one.points.at(-1)[1]))),
  ];
  const shown = fields.filter(({ name }) => !excludeByName[name]).sort((a, b) => indexByName[a.name] - indexByName[b.name]);
  return <Table data={{ length: series.length, fields: shown.map(withDisplay) }} width={width} height={height} />;
}

function HeatMap({ panel, width, height }) {
  const buckets = [...results[panel.id]].sort((a, b) => bound(a) - bound(b));
  const times = [...new Set(buckets.flatMap((one) => one.points.map(([at]) => at)))].sort((a, b) => a - b);
  const above = buckets.map((one) => new Map(one.points.map(([at, value]) => [at, Number(value)])));
  const counts = above.map((of, row) => times.map((at) => (of.get(at) ?? 0) - (row ? above[row - 1].get(at) ?? 0 : 0)));
  const used = counts.map((row) => row.some((count) => count > panel.options.filterValues.le));
  const rows = counts.slice(used.indexOf(true), used.lastIndexOf(true) + 1);
  const labels = buckets.slice(used.indexOf(true), used.lastIndexOf(true) + 1).map(bound);
  const most = Math.max(...rows.flat());
  const [left, bottom] = [56, 18];
  const [w, h] = [(width - left) / (to - from), (height - bottom) / rows.length];
  const shade = (count) => interpolateOranges(1 - (count / most) ** panel.options.color.exponent * 0.9);
  const format = getValueFormat(panel.options.yAxis.unit ?? 'short');
  const ticks = times.filter((at, n) => n % Math.ceil(times.length / 8) === 0);
  const text = { fill: theme.colors.text.secondary, fontSize: 11 };
  return (
    <svg width={width} height={height}>
      {rows.map((row, y) => row.map((count, x) => count > panel.options.filterValues.le && (
        <rect key={`${x}/${y}`} x={left + (times[x] - from) * w} y={(rows.length - 1 - y) * h} height={h - 1} width={step * w + 0.3}
          fill={shade(count)} />
      )))}
      {labels.map((label, y) => (
        <text key={label} {...text} x={left - 6} y={(rows.length - 1 - y) * h + 8} textAnchor="end">
          {formattedValueToString(format(label))}
        </text>
      ))}
      {ticks.map((at) => (
        <text key={at} {...text} x={left + (at - from) * w} y={height - 4}>{dateTime(1000 * at).utc().format('HH:mm')}</text>
      ))}
    </svg>
  );
}

const bound = (one) => Number(one.legend.replace('+Inf', 'Infinity'));
const Nothing = () => <div style={{ margin: 'auto', color: theme.colors.text.secondary }}>No data</div>;
const KINDS = { timeseries: Lines, stat: Stat, bargauge: Bars, table: Rows, heatmap: HeatMap };

function placed({ x, y, w, h }) {
  const column = (WIDTH - GAP) / COLUMNS;
  return {
    position: 'absolute', left: GAP + x * column, top: GAP + y * (ROW + GAP), width: w * column - GAP, height: h * ROW + (h - 1) * GAP,
  };
}

function Shown({ panel }) {
  const place = placed(panel.gridPos);
  if (panel.type === 'row') {
    return <h6 style={{ ...place, margin: 0, lineHeight: `${ROW}px`, color: theme.colors.text.primary }}>⌄ {panel.title}</h6>;
  }
  const Kind = KINDS[panel.type];
  return (
    <div style={place}>
      <PanelChrome width={place.width} height={place.height} title={panel.title} description={panel.description}>
        {(width, height) => <Kind panel={panel} width={width} height={height} />}
      </PanelChrome>
    </div>
  );
}

const context = { eventsScope: 'page', sync: () => 0, eventBus: new EventBusSrv() };

document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById('page')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PanelContextProvider value={context}>
      <div style={{ position: 'relative', width: WIDTH }}>
        {page.panels.map((panel) => <Shown key={panel.id} panel={panel} />)}
      </div>
    </PanelContextProvider>
  </ThemeContext.Provider>
);
