SELECT CAST(CAST(date_trunc('{{ partition_by.grain }}', {{ partition_by.column | q }}) AS DATE) AS VARCHAR) AS first, count(*) AS n
FROM {{ name }}
GROUP BY ALL
