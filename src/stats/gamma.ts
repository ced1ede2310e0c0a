/** Gamma and beta functions, to about 13 digits, and far into their tails. */

/** Godfrey's coefficients of Lanczos' series, g = 607/128: relative error below 1e-15 on the right half plane. */
const LANCZOS = [
  0.9999999999999971, 57.15623566586292, -59.59796035547549, 14.136097974741746, -0.4919138160976202,
  0.00003399464998481189, 0.00004652362892704858, -0.00009837447530487956, 0.0001580887032249125,
  -0.00021026444172410488, 0.00021743961811521265, -0.0001643181065367639, 0.00008441822398385275,
  -0.000026190838401581408, 0.0000036899182659531625,
];

/** ln Γ(x), x > 0. */
export function logGamma(x: number): number {
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x + i - 1);
  const t = x + 607 / 128 - 0.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** ln B(a, b). */
export const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

const STEPS = 10_000;
const SMALL = 1e-300;
const CLOSE = 1e-15;

/** P(X > x) of a gamma variable of that shape and scale 1: the regularized incomplete gamma function Q. */
export function upperGamma(shape: number, x: number): number {
  if (x <= 0) return 1;
  return x < shape + 1 ? Math.max(0, 1 - series(shape, x)) : fraction(shape, x);
}

/** P(X <= x) of the same: P = 1 - Q, without the loss of digits where it is small. */
export function lowerGamma(shape: number, x: number): number {
  if (x <= 0) return 0;
  return x < shape + 1 ? series(shape, x) : Math.max(0, 1 - fraction(shape, x));
}

const density = (a: number, x: number): number => Math.exp(a * Math.log(x) - x - logGamma(a));

function series(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < STEPS && term > sum * CLOSE; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return Math.min(1, density(a, x) * sum);
}

function fraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / SMALL;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < STEPS; n++) {
    const part = -n * (n - a);
    b += 2;
    d = 1 / away(part * d + b);
    c = away(b + part / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < CLOSE) break;
  }
  return Math.min(1, density(a, x) * h);
}

/** The regularized incomplete beta function I_x(a, b), by the continued fraction on whichever side it is the smaller part. */
export function lowerBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return Math.max(0, 1 - smallBeta(1 - x, b, a));
  return Math.min(1, smallBeta(x, a, b));
}

function smallBeta(x: number, a: number, b: number): number {
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)) / a;
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let h = d;
  for (let m = 1; m < STEPS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < CLOSE) break;
  }
  return front * h;
}

/** No division by zero within a continued fraction (Lentz). */
const away = (x: number): number => (Math.abs(x) < SMALL ? SMALL : x);
