/** The look of HTML pages: one hue, few lines, numbers under each other; light, dark and printed. */
export const STYLE = `
:root{--ink:#1c2126;--soft:#5f6872;--rule:#dde1e6;--faint:#f4f6f8;--paper:#fff;--hue:#33689e;--band:#33689e26;--mark:#c4620030;--mark-ink:#9a4d00}
@media (prefers-color-scheme:dark){:root{--ink:#e3e6ea;--soft:#98a2ad;--rule:#2e343b;--faint:#1c2126;--paper:#13161a;--hue:#82b3e4;--band:#82b3e42e;--mark:#f0a04a33;--mark-ink:#f0b26e}}
*{box-sizing:border-box}
html{background:var(--paper);-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:70rem;padding:2.5rem 1.5rem 3rem;color:var(--ink);background:var(--paper);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.75rem;line-height:1.2;margin:0;letter-spacing:-.01em;font-weight:650}
h2{font-size:1.1rem;margin:0 0 .6rem;font-weight:650}
h3,h4,h5,h6{font-size:1rem;margin:1.2rem 0 .4rem;font-weight:600}
p{margin:.3rem 0;max-width:48rem}
ul,ol{margin:.3rem 0;padding-left:1.3rem;max-width:48rem}
.sub{color:var(--soft);font-size:.87rem}
.lead{font-size:1.2rem;line-height:1.4;margin:1.1rem 0 .5rem}
header{padding-bottom:.4rem}
main>section{border-top:1px solid var(--rule);margin-top:1.6rem;padding-top:1.3rem}
.wide{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.9rem}
th,td{padding:.28rem 1.15rem .28rem 0;text-align:left;vertical-align:top;white-space:nowrap;unicode-bidi:isolate}
td{border-top:1px solid var(--rule)}
.long{white-space:normal;min-width:12rem;max-width:26rem}
th{font-weight:500;color:var(--soft);font-size:.83rem;vertical-align:bottom}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td:first-child:not(.n){min-width:6rem}
.spark{display:block;margin-top:.12rem;fill:var(--hue);overflow:hidden}
.more{margin-top:.6rem;max-width:none}
code{font:.82rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--faint);border-radius:4px;padding:.25rem .5rem;color:var(--soft);display:inline-block}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(24rem,100%),1fr));gap:1.2rem 2.2rem;margin:.4rem 0 1.2rem}
figure{margin:0;min-width:0}
figcaption{font-size:.87rem;font-weight:500;margin-bottom:.5rem}
.plot{display:grid;grid-template-columns:auto 1fr;column-gap:.5rem;position:relative}
.y{min-width:2.6rem;display:flex;flex-direction:column;justify-content:space-between;text-align:right;font-size:.75rem;line-height:1;color:var(--soft);font-variant-numeric:tabular-nums;margin:-.35rem 0}
.draw{display:block;width:100%;height:8rem;border-bottom:1px solid var(--soft);overflow:hidden}
.nums{grid-column:2;grid-row:1;width:100%;height:8rem;overflow:visible;pointer-events:none}
.draw{grid-column:2;grid-row:1}
.nums text{font-size:.72rem;font-weight:600;fill:var(--mark-ink);text-anchor:middle;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.x{grid-column:2;display:flex;justify-content:space-between;font-size:.75rem;color:var(--soft);margin-top:.25rem;font-variant-numeric:tabular-nums}
.grid{stroke:var(--rule);stroke-width:1;vector-effect:non-scaling-stroke}
.bar{fill:var(--hue)}
.line{fill:none;stroke:var(--hue);stroke-width:1.8;vector-effect:non-scaling-stroke;stroke-linejoin:round;stroke-linecap:round}
.hover{fill:transparent}.hover:hover{fill:var(--band)}.bar:hover{opacity:.75}
.band{fill:var(--band)}
.mid{fill:none;stroke:var(--hue);stroke-width:1;stroke-dasharray:3 3;opacity:.6;vector-effect:non-scaling-stroke}
.mark{fill:var(--mark)}
.marks{font-size:.87rem;color:var(--soft);margin-top:.5rem}
.key{display:flex;align-items:center;gap:.4rem}
.swatch{display:inline-block;width:1.1rem;height:.7rem;background:var(--band);border-top:1px dashed var(--hue)}
footer{border-top:1px solid var(--rule);margin-top:2.2rem;padding-top:1rem;font-size:.83rem;color:var(--soft)}
footer p{max-width:none}
@media (max-width:40rem){body{padding:1.4rem 1rem 2rem}h1{font-size:1.45rem}.lead{font-size:1.08rem}th,td{padding-right:.8rem}.minor{display:none}}
@media print{:root{--ink:#000;--soft:#444;--rule:#ccc;--faint:#f4f4f4;--paper:#fff;--hue:#2b5a8a;--band:#2b5a8a26;--mark:#c4620030;--mark-ink:#9a4d00}
body{max-width:none;padding:0;font-size:10.5pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.wide{overflow:visible}figure,tr,h2,h3{break-inside:avoid}h2,h3,thead{break-after:avoid}table{font-size:7.5pt}th,td{padding-right:.5rem}th{font-size:7pt;white-space:normal}.spark{max-width:15mm}.plots{grid-template-columns:1fr 1fr}}
@page{margin:16mm}
`;
