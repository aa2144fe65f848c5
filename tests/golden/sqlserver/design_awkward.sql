-- create
IF OBJECT_ID(N'[gold].[Bob''s [odd]] 50% tåble]', N'U') IS NULL
BEGIN
CREATE TABLE [gold].[Bob's [odd]] 50% tåble] (
    [key]]] nvarchar(20) NOT NULL,
    [o'clock] time(0) NULL,
    [two  words] nvarchar(40) NULL,
    [größe %] decimal(9,1) NULL,
    [select] bit NULL,
    ["] int NULL,
    [-- /*] date NULL,
    CONSTRAINT [PK_gold_Bob's [odd]] 50% tåble] PRIMARY KEY CLUSTERED ([key]]])
);
END;

-- reconcile
CREATE NONCLUSTERED INDEX [mdl_Bob's [odd]] 50% tåble_5d68a4c9] ON [gold].[Bob's [odd]] 50% tåble] ([o'clock] DESC, [-- /*]) INCLUDE ([two  words]) WHERE [select] = 1;

-- reconcile
ALTER TABLE [gold].[Bob's [odd]] 50% tåble] ALTER COLUMN [two  words] ADD MASKED WITH (FUNCTION = 'partial(0,"[it]",0)');

-- reconcile
EXEC sys.sp_addextendedproperty N'MS_Description', N'It''s "odd"', N'SCHEMA', N'gold', N'TABLE', N'Bob''s [odd] 50% tåble';

-- reconcile
EXEC sys.sp_addextendedproperty N'MS_Description', N'50% it''s', N'SCHEMA', N'gold', N'TABLE', N'Bob''s [odd] 50% tåble', N'COLUMN', N'größe %';

-- bind
IF OBJECT_ID(N'[silver].[users]', N'U') IS NOT NULL
    ALTER TABLE [gold].[Bob's [odd]] 50% tåble] WITH CHECK ADD CONSTRAINT [mdl_fk_Bob's [odd]] 50% tåble_e730bcb2] FOREIGN KEY ([key]]]) REFERENCES [silver].[users] ([id]);

-- permit
IF DATABASE_PRINCIPAL_ID(N'the [others]') IS NULL CREATE ROLE [the [others]]];

-- permit
IF DATABASE_PRINCIPAL_ID(N'o''role]') IS NULL CREATE ROLE [o'role]]];

-- permit
GRANT SELECT ON OBJECT::[gold].[Bob's [odd]] 50% tåble] TO [the [others]]];

-- permit
GRANT SELECT ON OBJECT::[dbo].[o'dd]]] TO [the [others]]];

-- permit
DENY SELECT ON OBJECT::[gold].[Bob's [odd]] 50% tåble] ([key]]]) TO [o'role]]];

-- permit
DENY SELECT ON OBJECT::[dbo].[o'dd]]] ([key]]]) TO [o'role]]];

-- permit
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NOT NULL
    GRANT SELECT ON OBJECT::[dbo].[o'dd]]] TO [data_analyst];

-- tidy
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
