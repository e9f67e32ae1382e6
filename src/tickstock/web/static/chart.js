// The candle chart of one symbol. The page says the same as a table, and without scripts as a picture.
"use strict";

(() => {
  const place = document.getElementById("chart");
  if (!place) return;
  const lib = window.LightweightCharts;
  const says = document.getElementById("chart-says");

  // Colours are the page's own, in the theme that holds now.
  const probe = document.createElement("i");
  probe.hidden = true;
  place.append(probe);
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function colour(name, alpha = 1) {
    probe.style.color = `var(${name})`;
    paint.fillStyle = getComputedStyle(probe).color;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b] = paint.getImageData(0, 0, 1, 1).data;
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  }

  function draw(data) {
    const intraday = data.timeframe === "hour" || data.timeframe === "1min";
    const time = (text) => (intraday ? Date.parse(text) / 1000 : text);
    const clock = new Intl.DateTimeFormat("en-CA", {
      timeZone: "America/New_York", dateStyle: "short", timeStyle: "short", hourCycle: "h23",
    });
    // The library's own ticks would be in UTC; of its five kinds the last two are times of a day.
    const tick = (t, kind) => clock.format(new Date(t * 1000)).split(", ")[kind > 2 ? 1 : 0].slice(kind > 2 ? 0 : 5);
    const said = (t) => (intraday ? `${clock.format(new Date(t * 1000))} New York` : t);
    const chart = lib.createChart(place, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily },
      timeScale: {
        timeVisible: intraday, secondsVisible: false,
        ...(intraday ? { tickMarkFormatter: tick } : {}),
      },
      localization: {
        locale: "en-US",
        ...(intraday ? { timeFormatter: (t) => clock.format(new Date(t * 1000)) } : {}),
      },
    });
    const bars = data.bars.at.map((at, i) => ({
      time: time(at), open: data.bars.open[i], high: data.bars.high[i],
      low: data.bars.low[i], close: data.bars.close[i],
    }));
    const gaps = data.missing.flatMap((m) => m.at.map((at) => ({ time: time(at), text: m.text, colour: m.colour })));
    const sorted = (rows) => rows.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    // Two digits after the point, and more for prices below a dollar.
    const lowest = Math.min(...data.bars.low.filter((p) => p > 0), 1);
    const precision = Math.min(10, 2 + Math.ceil(-Math.log10(lowest)));
    const candles = chart.addSeries(lib.CandlestickSeries, {
      borderVisible: false, priceFormat: { type: "price", precision, minMove: 10 ** -precision },
    });
    const bands = chart.addSeries(lib.HistogramSeries, {
      priceScaleId: "bands", priceLineVisible: false, lastValueVisible: false,
    });
    const volume = chart.addSeries(lib.HistogramSeries, {
      priceScaleId: "volume", priceFormat: { type: "volume" },
      priceLineVisible: false, lastValueVisible: false,
    });
    chart.priceScale("bands").applyOptions({ scaleMargins: { top: 0, bottom: 0 } });
    chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    candles.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.22 } });
    const held = new Set(bars.map((b) => b.time));
    candles.setData(sorted([...bars, ...gaps.filter((g) => !held.has(g.time)).map(({ time }) => ({ time }))]));
    const markers = lib.createSeriesMarkers(candles, []);

    function dress() {
      const up = colour("--up"), down = colour("--down"), line = colour("--line"), text = colour("--muted");
      chart.applyOptions({
        layout: { background: { type: "solid", color: colour("--surface") }, textColor: text },
        grid: { vertLines: { color: colour("--line", 0.5) }, horzLines: { color: colour("--line", 0.5) } },
        rightPriceScale: { borderColor: line }, timeScale: { borderColor: line },
      });
      candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
      bands.setData(sorted(gaps.map((g) => ({
        time: g.time, value: 1,
        color: colour(`--heat-${g.colour}`, 0.33),
      }))));
      volume.setData(bars.map((b, i) => ({
        time: b.time, value: data.bars.volume[i],
        color: colour(b.close >= b.open ? "--up" : "--down", 0.35),
      })));
      markers.setMarkers(sorted([
        ...data.splits.filter((s) => held.has(s.day)).map((s) => ({
          time: s.day, position: "aboveBar", shape: "arrowDown", color: colour("--accent"),
          text: `${s.to}-for-${s.from}`,
        })),
        ...data.doubtful.filter((d) => held.has(time(d.at))).map((d) => ({
          time: time(d.at), position: "aboveBar", shape: "circle", color: colour("--bad"), text: "?",
        })),
      ]));
    }

    const of = new Map(bars.map((b, i) => [b.time, i]));
    const why = new Map(gaps.map((g) => [g.time, g.text]));
    const price = (p) => p.toLocaleString("en-US", { maximumSignificantDigits: 10 });
    chart.subscribeCrosshairMove(({ time: t }) => {
      const i = of.get(t);
      if (i !== undefined) {
        const b = bars[i];
        says.textContent = `${said(t)}  open ${price(b.open)}  high ${price(b.high)}  low ${price(b.low)}`
          + `  close ${price(b.close)}  volume ${price(data.bars.volume[i])}`;
      } else if (why.has(t)) {
        says.textContent = `${said(t)}  not held: ${why.get(t)}`;
      } else {
        says.textContent = "\u00a0";
      }
    });
    dress();
    new MutationObserver(dress).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
    chart.timeScale().fitContent();
    place.dataset.drawn = bars.length;
  }

  fetch(place.dataset.source, { headers: { accept: "application/json" } })
    .then(async (answer) => {
      const data = await answer.json();
      if (!answer.ok) throw new Error(data.message);
      draw(data);
    })
    .catch((error) => {
      place.classList.add("empty-chart");
      place.textContent = `The chart cannot be drawn: ${error.message}`;
    });
})();
