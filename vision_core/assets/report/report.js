// Draws the charts that stand in the file; all of their data is in the element "charts".
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const still = { displayModeBar: false, displaylogo: false, responsive: true };
  const drawn = Object.entries(charts).map(([key, chart]) => {
    const place = document.getElementById("chart-" + key);
    return place ? Plotly.newPlot(place, chart.data, chart.layout, still) : null;
  });
  Promise.all(drawn).then(() => document.documentElement.setAttribute("data-drawn", "yes"));
})();
