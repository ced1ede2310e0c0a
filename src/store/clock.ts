/** A clock's milliseconds since 1970 in the form of entries and records: `YYYY-MM-DDTHH:MM:SS.ffffffZ`. */
export function instantOf(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`;
}
