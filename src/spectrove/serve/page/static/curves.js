// Numbers of curves, for whatever draws them: running means with their errors, quantiles. What is missing is null.

// Sums of what is known up to each place, and how many were known.
const sums = (values, of) => {
  const sum = new Float64Array(values.length + 1), count = new Float64Array(values.length + 1);
  values.forEach((v, i) => { sum[i + 1] = sum[i] + (v === null ? 0 : of(v)); count[i + 1] = count[i] + (v === null ? 0 : 1); });
  return { sum, count };
};
const window = (i, n, length) => [Math.max(0, i - n), Math.min(length, i + n + 1)];

// A running mean over 2n + 1 points, over fewer at the ends and beside what is missing; what is missing stays missing.
export const smoothed = (values, n) => {
  if (!n) return values;
  const { sum, count } = sums(values, (v) => v);
  return values.map((v, i) => {
    if (v === null) return null;
    const [low, high] = window(i, n, values.length);
    return (sum[high] - sum[low]) / (count[high] - count[low]);
  });
};

// One sigma of that mean, of points whose errors are independent: the root of the sum of their squares over their number.
export const error_of_mean = (errors, n) => {
  if (!n) return errors;
  const { sum, count } = sums(errors, (e) => e * e);
  return errors.map((e, i) => {
    if (e === null) return null;
    const [low, high] = window(i, n, errors.length);
    return Math.sqrt(Math.max(0, sum[high] - sum[low])) / (count[high] - count[low]);
  });
};

export const quantile = (values, q) => {
  const sorted = values.filter((v) => v !== null).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : 0;
};
