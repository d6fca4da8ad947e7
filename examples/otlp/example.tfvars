region             = "eu-central-1"
shipper_archive    = "logagg-shipper_0.1.0_arm64.zip"
enforcer_archive   = "logagg-enforcer_0.1.0_arm64.zip"
url                = "https://collector.internal.example:4318"
secret_arn         = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:collector-AbCdEf"
subnet_ids         = ["subnet-0123456789abcdef0"]
security_group_ids = ["sg-0123456789abcdef0"]
