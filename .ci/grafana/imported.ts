// A dashboard as Grafana imports it, by the types that Grafana publishes: its own for the dashboard,
// with those of the panels and of the CloudWatch data source where the dashboard's say no more than
// "any object".
import type {
  AnnotationQuery,
  Dashboard,
  FieldConfig,
  Panel,
  RowPanel,
  VariableModel,
} from '@grafana/schema';
import type {
  CloudWatchAnnotationQuery,
  CloudWatchMetricsQuery,
} from '@grafana/schema/dist/esm/raw/composable/cloudwatch/dataquery/x/CloudWatchDataQuery_types.gen';
import type {
  FieldConfig as TimeSeriesField,
  Options as TimeSeriesOptions,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** The same with an enum's values for the enum: JSON has no enums. */
type Json<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T;

interface TimeSeriesPanel extends Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
  type: 'timeseries';
  title: string;
  options: TimeSeriesOptions;
  fieldConfig: {
    defaults: Omit<FieldConfig, 'custom'> & { custom: TimeSeriesField };
    overrides: [];
  };
  targets: Required<Omit<CloudWatchMetricsQuery, Unused>>[];
}

/** What a query of a metric, built in the editor, has no use for. */
type Unused =
  | 'accountId'
  | 'alias'
  | 'datasource'
  | 'expression'
  | 'hide'
  | 'key'
  | 'queryType'
  | 'sql'
  | 'sqlExpression'
  | 'statistics';

/** The queries of variables, which Grafana publishes no type of. */
type VariableQuery = { refId: string } & (
  | { queryType: 'regions'; region: string }
  | {
      queryType: 'dimensionValues';
      region: string;
      namespace: string;
      metricName: string;
      dimensionKey: string;
      dimensionFilters: Record<string, string>;
    }
);

export type Imported = Json<
  Omit<Dashboard, 'panels' | 'annotations' | 'templating'> & {
    panels: (TimeSeriesPanel | (Omit<RowPanel, 'panels'> & { panels: [] }))[];
    annotations: { list: AnnotationQuery<CloudWatchAnnotationQuery>[] };
    templating: {
      list: (Omit<VariableModel, 'query'> & { query: string | VariableQuery })[];
    };
  }
>;
