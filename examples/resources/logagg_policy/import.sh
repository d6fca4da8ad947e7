# By the name of its filters, in the provider's region.
terraform import logagg_policy.lambda lambda-to-search

# In another region.
terraform import logagg_policy.lambda lambda-to-search@eu-west-1
