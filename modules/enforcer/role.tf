# The enforcer's role. Each action has its reason in docs/guides/security.md.

resource "aws_iam_role" "enforcer" {
  name                 = "${var.name}-enforcer-${local.region}"
  assume_role_policy   = data.aws_iam_policy_document.lambda.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "enforcer" {
  name   = "enforce"
  role   = aws_iam_role.enforcer.id
  policy = data.aws_iam_policy_document.enforcer.json
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "enforcer" {
  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.enforcer.arn}:*"]
  }
  statement {
    sid       = "Configuration"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.enforcer.arn]
  }
  statement {
    sid = "Policy"
    actions = [
      "logs:DescribeLogGroups",
      "logs:DescribeSubscriptionFilters",
      "logs:ListTagsForResource",
      "logs:PutLogGroupDeletionProtection",
      "logs:PutRetentionPolicy",
      "logs:PutSubscriptionFilter",
    ]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:*"]
  }
  # About the account, not about a log group.
  statement {
    sid       = "AccountPolicy"
    actions   = ["logs:DescribeAccountPolicies"]
    resources = ["*"]
  }
  statement {
    sid       = "Loops"
    actions   = ["lambda:GetFunctionConfiguration"]
    resources = ["arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:*"]
  }
  # Another invocation continues a sweep that has no time left.
  statement {
    sid       = "ContinueSweep"
    actions   = ["lambda:InvokeFunction"]
    resources = ["arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.name}-enforcer"]
  }
  statement {
    sid       = "ReceiveEvents"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.created.arn]
  }
  # AWS has no narrower resource for GetResources.
  dynamic "statement" {
    for_each = var.tag_table[*]

    content {
      sid       = "Tags"
      actions   = ["tag:GetResources"]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = var.tag_table[*]

    content {
      sid       = "TagTable"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value.bucket}/logagg/tags/${local.account_id}/*"]
    }
  }
  dynamic "statement" {
    for_each = compact(var.tag_table[*].kms_key_arn)

    content {
      sid       = "EncryptTagTable"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
  dynamic "statement" {
    for_each = var.gap_fill[*]

    content {
      sid       = "GapFill"
      actions   = ["sqs:SendMessage"]
      resources = [statement.value.queue.arn]
    }
  }
  dynamic "statement" {
    for_each = compact(var.gap_fill[*].kms_key_arn)

    content {
      sid       = "EncryptGapFill"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
  # Of the parameter, the environment and the queue.
  dynamic "statement" {
    for_each = var.kms_key_arn[*]

    content {
      sid       = "Encrypt"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
  dynamic "statement" {
    for_each = var.vpc_config[*]

    # AWS has no narrower resource for these actions.
    content {
      sid = "NetworkInterfaces"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = var.tracing_mode == "Active" ? [true] : []

    # AWS has no narrower resource for these actions.
    content {
      sid       = "Traces"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = var.extra_policy_statements

    content {
      sid       = statement.value.sid
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}
