// What must not pass: the compiler refuses each `expect-error` under which there is no error.
import type { Imported } from './imported';

type Panel = Extract<Imported['panels'][number], { type: 'timeseries' }>;

// @ts-expect-error a misspelt field
export const field: Panel['options']['tooltip'] = { mode: 'multi', sort: 'desc', hideZero: true };
// @ts-expect-error a wrong type
export const type: Panel['gridPos'] = { h: '6', w: 8, x: 0, y: 0 };
// @ts-expect-error none of the values
export const value: Panel['fieldConfig']['defaults']['custom'] = { drawStyle: 'lines' };
// @ts-expect-error a missing field
export const missing: Pick<Panel['targets'][number], 'period' | 'statistic'> = { period: 'auto' };
