// The runs of a set as rows: what the kernel sends, and the order in which they are shown.

export type Kind = "text" | "integer" | "real" | "time" | "seconds";
export type Cell = string | number | null;

export interface Column {
  name: string;
  kind: Kind;
}

export interface Runs {
  version: 1;
  columns: Column[];
  /** The axon's id, then a value for each column; times are ms since the epoch. */
  rows: [string, ...Cell[]][];
}

export interface Order {
  column: number;
  down: boolean;
}

/** The rows in order; equal ones stay as they came, and what is unknown is last in either. */
export function sorted(rows: Runs["rows"], { column, down }: Order): Runs["rows"] {
  const sign = down ? -1 : 1;
  return rows
    .map((row, at) => ({ row, at, value: row[column + 1] ?? null }))
    .sort((x, y) => {
      if (x.value === null || y.value === null)
        return Number(x.value === null) - Number(y.value === null) || x.at - y.at;
      const order =
        typeof x.value === "number" && typeof y.value === "number"
          ? x.value - y.value
          : String(x.value).localeCompare(String(y.value), "en", { numeric: true });
      return sign * order || x.at - y.at;
    })
    .map(({ row }) => row);
}
