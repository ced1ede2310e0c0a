export type CsvCell = string | number | boolean | undefined;

/** RFC 4180 with a header line and LF; what is not there is empty. */
export function csvText(names: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return [names, ...rows].map(row => `${row.map(field).join(',')}\n`).join('');
}

function field(cell: CsvCell): string {
  if (cell === undefined) return '';
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
