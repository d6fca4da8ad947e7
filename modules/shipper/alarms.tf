# Everything that an operator has to act on. docs/guides/failures.md says what each means and who acts.

locals {
  # Dimensions and metrics of AWS's own.
  aws_alarms = {
    errors               = { namespace = "AWS/Lambda", metric = "Errors", dimensions = local.function_dimensions, description = "Invocations fail: events were neither delivered nor stored." }
    throttles            = { namespace = "AWS/Lambda", metric = "Throttles", dimensions = local.function_dimensions, description = "More events than the shipper's concurrency admits. They wait up to six hours." }
    async-events-dropped = { namespace = "AWS/Lambda", metric = "AsyncEventsDropped", dimensions = local.function_dimensions, description = "Lambda discarded events." }
    on-failure-records   = { namespace = "AWS/Lambda", metric = "DestinationDeliveryFailures", dimensions = local.function_dimensions, description = "Lambda could not write the record of a failed event into the bucket." }
    count-undelivered    = { namespace = "AWS/Events", metric = "FailedInvocations", dimensions = { RuleName = aws_cloudwatch_event_rule.undelivered.name }, description = "EventBridge could not have the shipper count undelivered events." }
  }
  function_dimensions = { FunctionName = aws_lambda_function.shipper.function_name }

  # Metrics that the shipper writes for each destination: docs/shipper.md has all of them.
  destination_metrics = {
    rejected           = { datapoints = 1, description = "The destination rejects events. They are dead letters in the bucket, the reasons in the shipper's log." }
    stored             = { datapoints = 2, description = "The destination does not accept events. They are stored and retried." }
    returned_to_source = { datapoints = 1, description = "Events could not even be stored. Lambda retries them twice, and then writes a record into the bucket." }
  }
  destination_alarms = {
    for pair in setproduct(local.destinations, keys(local.destination_metrics)) :
    join("-", pair) => { destination = pair[0], metric = pair[1] }
  }
  # Metrics that it writes once an hour.
  undelivered_metrics = {
    undelivered_without_pointer     = "Stored events are older than an hour and have no message in the queue: replay them."
    undelivered_without_destination = "Stored events are for a destination that is not configured."
  }

  alarms = concat(
    values(aws_cloudwatch_metric_alarm.aws),
    values(aws_cloudwatch_metric_alarm.destination),
    values(aws_cloudwatch_metric_alarm.undelivered),
    aws_cloudwatch_metric_alarm.uncounted,
    aws_cloudwatch_metric_alarm.undecodable,
    aws_cloudwatch_metric_alarm.dead,
    aws_cloudwatch_metric_alarm.age,
    aws_cloudwatch_metric_alarm.lag,
    aws_cloudwatch_metric_alarm.backfill_errors,
    aws_cloudwatch_metric_alarm.backfill_dead,
    aws_cloudwatch_metric_alarm.backfill_age,
    aws_cloudwatch_metric_alarm.backfill_left,
  )
}

resource "aws_cloudwatch_metric_alarm" "aws" {
  for_each = { for name, alarm in local.aws_alarms : name => alarm if var.create_alarms }

  region              = var.region
  alarm_name          = "${var.name}-shipper-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "destination" {
  for_each = { for name, alarm in local.destination_alarms : name => alarm if var.create_alarms }

  region            = var.region
  alarm_name        = "${var.name}-${each.key}"
  alarm_description = local.destination_metrics[each.value.metric].description
  namespace         = local.metrics_namespace
  metric_name       = each.value.metric
  dimensions = {
    function    = aws_lambda_function.shipper.function_name
    destination = each.value.destination
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = local.destination_metrics[each.value.metric].datapoints
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "undelivered" {
  for_each = { for name, description in local.undelivered_metrics : name => description if var.create_alarms }

  region              = var.region
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value
  namespace           = local.metrics_namespace
  metric_name         = each.key
  dimensions          = { function = aws_lambda_function.shipper.function_name }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# A count that does not happen finds nothing: no data is an alarm, also in the first hours of a new function.
resource "aws_cloudwatch_metric_alarm" "uncounted" {
  count = var.create_alarms ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-undelivered-uncounted"
  alarm_description   = "The shipper has not counted undelivered events for three hours: the schedule is off, the count fails, or there are more than one invocation can list."
  namespace           = local.metrics_namespace
  metric_name         = "undelivered_objects"
  dimensions          = { function = aws_lambda_function.shipper.function_name }
  statistic           = "SampleCount"
  period              = 3600
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# Events and objects that cannot be decoded belong to no destination: the summary line counts them.
resource "aws_cloudwatch_log_metric_filter" "undecodable" {
  region         = var.region
  name           = "undecodable"
  log_group_name = aws_cloudwatch_log_group.shipper.name
  pattern        = "{ $.logagg = \"summary\" && $.undecodable > 0 }"

  metric_transformation {
    namespace = local.metrics_namespace
    name      = "${var.name}-shipper-undecodable"
    value     = "$.undecodable"
  }
}

resource "aws_cloudwatch_metric_alarm" "undecodable" {
  count = var.create_alarms ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-shipper-undecodable"
  alarm_description   = "Events cannot be decoded. They are dead letters in the bucket, below undecodable/."
  namespace           = local.metrics_namespace
  metric_name         = aws_cloudwatch_log_metric_filter.undecodable.metric_transformation[0].name
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead" {
  count = var.create_alarms ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-undelivered-dead"
  alarm_description   = "Events could not be delivered in all attempts. They are in the bucket; move the messages back once the cause is removed."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.undelivered_dead.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "age" {
  count = var.create_alarms ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-undelivered-age"
  alarm_description   = "Stored events have waited for more than an hour: a destination is down, or the replay is off."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.undelivered.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 60 * 60
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "lag" {
  count = var.create_alarms ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-lag"
  alarm_description   = "Log events arrive more than a quarter of an hour after they were written."
  namespace           = local.metrics_namespace
  metric_name         = "lag_ms"
  dimensions          = { function = aws_lambda_function.shipper.function_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 15 * 60 * 1000
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "backfill_errors" {
  count = var.create_alarms && var.create_backfill ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-backfill-errors"
  alarm_description   = "A request for a backfill was rejected, or its function failed."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.backfill[0].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "backfill_dead" {
  count = var.create_alarms && var.create_backfill ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-backfill-dead"
  alarm_description   = "Slices of a backfill could not be finished in all attempts. Move the messages back once the cause is removed."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.backfill_dead[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "backfill_age" {
  count = var.create_alarms && var.create_backfill ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-backfill-age"
  alarm_description   = "Slices of a backfill have waited for ten days. The queue deletes them after fourteen."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.backfill[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10 * 24 * 60 * 60
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# Lambda counts no error for a message that stays in the queue: the summary line has it.
resource "aws_cloudwatch_log_metric_filter" "backfill_left" {
  count = var.create_backfill ? 1 : 0

  region         = var.region
  name           = "slices-left"
  log_group_name = aws_cloudwatch_log_group.backfill[0].name
  pattern        = "{ $.logagg = \"summary\" && $.slices.left > 0 }"

  metric_transformation {
    namespace = local.metrics_namespace
    name      = "${var.name}-backfill-slices-left"
    value     = "$.slices.left"
  }
}

resource "aws_cloudwatch_metric_alarm" "backfill_left" {
  count = var.create_alarms && var.create_backfill ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-backfill-left"
  alarm_description   = "Slices of a backfill are attempted without success: a destination is down, or log groups cannot be read."
  namespace           = local.metrics_namespace
  metric_name         = aws_cloudwatch_log_metric_filter.backfill_left[0].metric_transformation[0].name
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}
